{{- define "cairn.name" -}}
{{- if contains "cairn" .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-cairn" (.Release.Name | trunc 44 | trimSuffix "-") }}
{{- end -}}
{{- end -}}

{{- define "cairn.selector" -}}
app.kubernetes.io/name: cairn
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cairn.labels" -}}
{{ include "cairn.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "cairn.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "cairn.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- /* etcd://HOST:PORT,HOST:PORT/PREFIX, or etcds:// with TLS. */ -}}
{{- define "cairn.join" -}}
{{ ternary "etcds" "etcd" (ne .Values.etcd.tlsSecretName "") }}://{{ join "," .Values.etcd.endpoints }}/{{ .Values.etcd.prefix }}
{{- end -}}

{{- define "cairn.home" -}}
{{- if eq .Values.home.kind "s3" -}}
{{- with .Values.home.s3 -}}
s3:{{ .bucket }}{{ with .prefix }}/{{ . }}{{ end }}
{{- end -}}
{{- else -}}
{{- with .Values.home.rados -}}
rados:{{ .pool }}{{ with .namespace }}/{{ . }}{{ end }}
{{- end -}}
{{- end -}}
{{- end -}}
