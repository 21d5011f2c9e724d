{{- /* What `cairn serve` is told, and the files that it is given. */ -}}
{{- define "cairn.env" -}}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: CAIRN_DATA, value: /var/lib/cairn/node}
- {name: CAIRN_LISTEN, value: "0.0.0.0:9000"}
- {name: CAIRN_ADMIN_LISTEN, value: "0.0.0.0:9001"}
{{- /* A mounted Secret is readable for a group, and the server refuses such a file. */}}
- {name: CAIRN_ROOT_KEY, value: "env:CAIRN_ROOT_KEY_HEX"}
{{- range list "CAIRN_ROOT_KEY_HEX" "CAIRN_ROOT_ACCESS_KEY" "CAIRN_ROOT_SECRET_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.root.secretName }}, key: {{ . }}}
{{- end }}
{{- if .Values.peers.enabled }}
- {name: CAIRN_JOIN, value: {{ include "cairn.join" . | quote }}}
- {name: CAIRN_NODE_NAME, value: "$(POD_NAME)"}
{{- with .Values.zone }}
- {name: CAIRN_ZONE, value: {{ . | quote }}}
{{- end }}
- {name: CAIRN_PEER_LISTEN, value: "0.0.0.0:9002"}
- {name: CAIRN_ADVERTISE, value: "$(POD_NAME).{{ include "cairn.name" . }}-nodes.{{ .Release.Namespace }}.svc:9002"}
- {name: CAIRN_PEER_MEMORY, value: {{ .Values.peers.memory | quote }}}
- {name: CAIRN_PEER_CA, value: /run/cairn/peers/ca.crt}
- {name: CAIRN_PEER_CERT, value: /run/cairn/peers/tls.crt}
- {name: CAIRN_PEER_KEY, value: /run/cairn/peers/tls.key}
{{- else }}
- {name: CAIRN_CATALOG, value: {{ include "cairn.join" . | quote }}}
{{- end }}
{{- if .Values.etcd.tlsSecretName }}
- {name: CAIRN_CATALOG_CA, value: /run/cairn/etcd/ca.crt}
- {name: CAIRN_CATALOG_CERT, value: /run/cairn/etcd/tls.crt}
- {name: CAIRN_CATALOG_KEY, value: /run/cairn/etcd/tls.key}
{{- end }}
{{- if .Values.etcd.user }}
- {name: CAIRN_CATALOG_USER, value: {{ .Values.etcd.user | quote }}}
- {name: CAIRN_CATALOG_PASSWORD_FILE, value: /run/cairn/etcd-user/password}
{{- end }}
- {name: CAIRN_HOME, value: {{ include "cairn.home" . | quote }}}
{{- if eq .Values.home.kind "s3" }}
{{- with .Values.home.s3.endpoint }}
- {name: CAIRN_HOME_ENDPOINT, value: {{ . | quote }}}
{{- end }}
{{- with .Values.home.s3.region }}
- {name: CAIRN_HOME_REGION, value: {{ . | quote }}}
{{- end }}
{{- range list "CAIRN_HOME_ACCESS_KEY" "CAIRN_HOME_SECRET_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $.Values.home.s3.secretName }}, key: {{ . }}}
{{- end }}
{{- else }}
- {name: CAIRN_HOME_CEPH_CONF, value: /run/cairn/ceph/ceph.conf}
{{- if .Values.home.rados.keyringSecretName }}
- {name: CAIRN_HOME_CEPH_USER, value: {{ .Values.home.rados.user | quote }}}
- {name: CAIRN_HOME_CEPH_KEYRING, value: /run/cairn/keyring/keyring}
{{- end }}
{{- end }}
- {name: CAIRN_TIER, value: "ram:{{ .Values.memory.tier }},disk:/var/cache/cairn/tier:{{ .Values.cache.tier }}{{ with .Values.cache.options }}:{{ . }}{{ end }}"}
- {name: CAIRN_MEMORY, value: {{ .Values.memory.buffers | quote }}}
- {name: CAIRN_DRAIN_SECONDS, value: {{ .Values.drainSeconds | quote }}}
{{- if .Values.tlsSecretName }}
- {name: CAIRN_TLS_CERT, value: /run/cairn/tls/tls.crt}
- {name: CAIRN_TLS_KEY, value: /run/cairn/tls/tls.key}
{{- end }}
{{- range $name, $value := .Values.extraEnv }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end -}}

{{- define "cairn.mounts" -}}
- {name: state, mountPath: /var/lib/cairn}
- {name: cache, mountPath: /var/cache/cairn}
{{- if .Values.peers.enabled }}
- {name: peers, mountPath: /run/cairn/peers, readOnly: true}
{{- end }}
{{- if .Values.etcd.tlsSecretName }}
- {name: etcd, mountPath: /run/cairn/etcd, readOnly: true}
{{- end }}
{{- if .Values.etcd.user }}
- {name: etcd-user, mountPath: /run/cairn/etcd-user, readOnly: true}
{{- end }}
{{- if eq .Values.home.kind "rados" }}
- {name: ceph, mountPath: /run/cairn/ceph, readOnly: true}
{{- if .Values.home.rados.keyringSecretName }}
- {name: keyring, mountPath: /run/cairn/keyring, readOnly: true}
{{- end }}
{{- end }}
{{- if .Values.tlsSecretName }}
- {name: tls, mountPath: /run/cairn/tls, readOnly: true}
{{- end }}
{{- end -}}

{{- define "cairn.volumes" -}}
{{- if .Values.peers.enabled }}
- name: peers
  secret: {secretName: {{ .Values.peers.tlsSecretName }}, defaultMode: 0400}
{{- end }}
{{- if .Values.etcd.tlsSecretName }}
- name: etcd
  secret: {secretName: {{ .Values.etcd.tlsSecretName }}, defaultMode: 0400}
{{- end }}
{{- if .Values.etcd.user }}
- name: etcd-user
  secret:
    secretName: {{ required "etcd.user needs etcd.passwordSecretName" .Values.etcd.passwordSecretName }}
    defaultMode: 0400
{{- end }}
{{- if eq .Values.home.kind "rados" }}
- name: ceph
  configMap: {name: {{ .Values.home.rados.configMapName }}}
{{- with .Values.home.rados.keyringSecretName }}
- name: keyring
  secret: {secretName: {{ . }}, defaultMode: 0400}
{{- end }}
{{- end }}
{{- if .Values.tlsSecretName }}
- name: tls
  secret: {secretName: {{ .Values.tlsSecretName }}, defaultMode: 0400}
{{- end }}
{{- end -}}
