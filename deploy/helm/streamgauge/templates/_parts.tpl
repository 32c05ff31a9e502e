{{- define "streamgauge.labels" -}}
app.kubernetes.io/name: streamgauge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "streamgauge.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "streamgauge.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: monitor
    configMap: { name: {{ .Release.Name }}-monitor }
  - name: tmp
    emptyDir: { sizeLimit: 64Mi }
{{- end }}

{{- define "streamgauge.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: monitor, mountPath: /etc/streamgauge, readOnly: true }
  - { name: tmp, mountPath: /tmp }
envFrom:
  - secretRef: { name: {{ .Values.secretName }} }
{{- end }}

{{- define "streamgauge.env" -}}
- { name: STREAMGAUGE_CONFIG, value: /etc/streamgauge/streamgauge.toml }
- { name: STREAMGAUGE_KAFKA, value: {{ .Values.kafka | quote }} }
- { name: STREAMGAUGE_REDIS, value: {{ .Values.redis | quote }} }
- { name: STREAMGAUGE_WORKER__HTTP_HOST, value: 0.0.0.0 }
{{- end }}

{{- define "streamgauge.probes" -}}
# Kernels are in the image. A group that cannot be joined ends the worker itself.
startupProbe:
  httpGet: { path: /livez, port: http }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /livez, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
