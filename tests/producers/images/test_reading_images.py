"""IDX files and folders of pictures: what is read, and what is refused by name."""

import gzip
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from producers.images.find import find_images
from producers.images.idx import MAX_BYTES, read_idx
from producers.images.options import ImageOptions
from producers.images.pictures import read_folder, read_picture
from stream_app.errors import SourceError
from stream_app.tables.left_out import LeftOut


def idx(values):
    values = np.asarray(values, dtype=np.uint8)
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def mnist(folder, part, count, *, pack=gzip.compress, labels=None):
    rng = np.random.default_rng(count)
    pixels = rng.integers(0, 256, (count, 28, 28))
    told = np.arange(count) % 10 if labels is None else labels
    end = ".gz" if pack is gzip.compress else ""
    (folder / f"{part}-images-idx3-ubyte{end}").write_bytes(pack(idx(pixels)))
    (folder / f"{part}-labels-idx1-ubyte{end}").write_bytes(pack(idx(told)))
    return pixels


arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=6))


@settings(max_examples=50)
@given(arrays, st.booleans())
def test_what_was_written_is_read_packed_or_not(tmp_path_factory, values, packed):
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    assert np.array_equal(read_idx(path, 3), values)


@settings(max_examples=50)
@given(arrays.filter(lambda a: a.size > 0), st.booleans(), st.data())
def test_a_file_that_is_cut_off_anywhere_is_refused_by_name(tmp_path_factory, values, packed, data):
    whole = gzip.compress(idx(values)) if packed else idx(values)
    path = tmp_path_factory.mktemp("idx") / "images"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(SourceError, match=str(path)):
        read_idx(path, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\x89PNG\r\n\x1a\n", "not an IDX file"),
        (idx(np.zeros(5)), r"1 dimensions \(labels\), not 3"),
        (idx(np.zeros((2, 3, 3))) + b"x", "goes on after the 18 bytes"),
        (b"\0\0\x0d\x03" + bytes(12), "IDX type 0x0d"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1), f"at most {MAX_BYTES:,}"),
        (
            b"\0\0\x08\x03" + struct.pack(">3I", 1000, 1000, 1000),
            "cut off: its header promises 1,000,000,000",
        ),
        (gzip.compress(idx(np.zeros((2, 3, 3))), mtime=0)[:-6] + b"abcdef", "damaged gzip"),
    ],
)
def test_other_files_are_refused_with_the_reason(tmp_path, content, message):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read_idx(path, 3)


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["packed", "plain"])
def test_of_mnists_four_files_one_part_is_learned_from_and_the_other_shown(tmp_path, pack):
    train, test = mnist(tmp_path, "train", 30, pack=pack), mnist(tmp_path, "t10k", 12, pack=pack)
    for path in (tmp_path, next(tmp_path.glob("t10k-images*"))):
        found = find_images(str(path), ImageOptions())
        assert np.array_equal(found.training.pixels, train)
        assert np.array_equal(found.shown.pixels, test)
        assert found.shown.labels.tolist() == [str(i % 10) for i in range(12)]
    assert np.array_equal(find_images(str(tmp_path), ImageOptions(part="train")).shown.pixels, train)


def test_of_one_file_half_is_learned_from_and_the_other_half_shown(tmp_path):
    pixels = mnist(tmp_path, "digits", 20)
    found = find_images(str(tmp_path), ImageOptions())
    both = [image.tobytes() for part in (found.training, found.shown) for image in part.pixels]
    assert sorted(both) == sorted(image.tobytes() for image in pixels.astype(np.uint8))
    assert len(found.training) == len(found.shown) == 10


def test_labels_may_be_named_and_must_be_as_many_as_the_images(tmp_path):
    mnist(tmp_path, "digits", 20)
    images = str(tmp_path / "digits-images-idx3-ubyte.gz")
    other = tmp_path / "other"
    other.write_bytes(idx(np.full(20, 7)))
    assert set(find_images(images, ImageOptions(labels=other)).everything.labels) == {"7"}
    other.write_bytes(idx(np.zeros(19)))
    with pytest.raises(SourceError, match=r"other: 19 labels for the 20 images of .*digits-images"):
        find_images(images, ImageOptions(labels=other))


def test_images_of_another_shape_and_nothing_at_all_are_refused(tmp_path):
    path = tmp_path / "a-images-idx3"
    path.write_bytes(idx(np.zeros((3, 32, 32))))
    with pytest.raises(SourceError, match="32 by 32 pixels; 28 by 28 are expected"):
        find_images(str(path), ImageOptions())
    path.write_bytes(idx(np.zeros((0, 28, 28))))
    with pytest.raises(SourceError, match="holds no image"):
        find_images(str(path), ImageOptions())
    with pytest.raises(SourceError, match="no such file or directory"):
        find_images(str(tmp_path / "no"), ImageOptions())
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty: no image in this directory"):
        find_images(str(tmp_path / "empty"), ImageOptions())


def test_pictures_have_the_label_of_their_folder_and_natural_order(tmp_path):
    for name, level in (("cat/2.png", 20), ("cat/10.png", 10), ("dog/1.jpg", 200)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (50, 40), (level, level, level)).save(tmp_path / name)
    Image.new("L", (28, 28), 99).save(tmp_path / "alone.png")
    found = read_folder(tmp_path, LeftOut())
    assert found.labels.tolist() == [None, "cat", "cat", "dog"]
    assert found.pixels[:3, 5, 5].tolist() == [99, 20, 10]
    assert abs(int(found.pixels[3, 5, 5]) - 200) <= 2
    assert found.pixels.shape == (4, 28, 28)


def test_a_folder_whose_name_is_no_text_is_a_label_that_can_be_sent(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    try:
        os.mkdir(folder)  # noqa: PTH102 the name may be refused
    except OSError:
        pytest.skip("this file system has names of text only")
    Image.new("L", (28, 28), 99).save(folder + "/a.png")
    assert read_folder(tmp_path, LeftOut()).labels.tolist() == ["caf\ufffd"]


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path):
    Image.fromarray(np.full((30, 30), 40_000, dtype=np.uint16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png")[3, 3] == 156


def png(width, height):
    """A small file that says it unfolds to a large picture."""

    def chunk(body):
        return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(head) + chunk(b"IDAT" + zlib.compress(bytes(10**6))) + chunk(b"IEND")


def test_a_bad_picture_is_left_out_and_counted_by_its_reason(tmp_path):
    for name in ("a", "b", "c"):
        Image.new("L", (28, 28), 5).save(tmp_path / f"{name}.png")
    noisy = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(noisy).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.jpeg").write_text("hello")
    (tmp_path / "nothing.png").write_bytes(b"")
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000))
    (tmp_path / "large.png").write_bytes(png(7_000, 7_000))
    left = LeftOut()
    assert len(read_folder(tmp_path, left)) == 3
    assert left.counts == {
        "more than 40,000,000 pixels": 2,
        "cut off or damaged": 1,
        "neither PNG nor JPEG": 2,
    }
    assert left.first["cut off or damaged"] == str(tmp_path / "cut.png")
    for name in "abc":
        (tmp_path / f"{name}.png").unlink()
    with pytest.raises(SourceError, match=r"none of 5 pictures can be read: .*neither PNG nor JPEG"):
        read_folder(tmp_path, LeftOut())


@given(st.data())
def test_a_picture_cut_off_or_garbled_anywhere_is_an_error_of_ours(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("png") / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 9), dtype=np.uint8)).save(path)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 20)) :]
    else:
        whole[data.draw(st.integers(0, len(whole) - 13))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(whole))
    try:
        shape = read_picture(path).shape
    except SourceError as error:
        shape = str(error).partition(": ")[0]
    assert shape in {(28, 28), str(path)}
