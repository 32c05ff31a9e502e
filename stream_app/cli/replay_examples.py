"""Examples that the help of ``streamgauge replay`` ends with."""

__all__ = ["EXAMPLES"]

EXAMPLES = """
Examples:

streamgauge replay sensors SKAB/valve1 --speed 60x

streamgauge replay sensors log.csv --time-column at --source-column machine --channels temp,load

streamgauge replay sensors --simulate --limit 200000 --faults 3 --speed max

streamgauge replay sensors --dataset waterflow --loop --rate 100 --drift "flow:mean+2sd@30d..40d"

streamgauge replay sensors big.parquet --resume

streamgauge replay sessions online_retail.csv.gz

streamgauge replay images --drift "sudden:at=400,level=3" --speed real

streamgauge replay images MNIST --label-delay 30s --drift "gradual:from=2000,over=3000,level=5"

streamgauge replay predictions answers.csv --label-column outcome --label-delay 1h --attributes region,sex

streamgauge replay sessions orders.csv --entity-column buyer --values "amount=units*price"
"""
