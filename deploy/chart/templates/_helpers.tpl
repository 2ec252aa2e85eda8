{{- /* Names are quoted where they stand: a release, a namespace or an override may be all digits, and YAML would make a number of it. */}}

{{- define "serverfarm.name" -}}
{{- default .Chart.Name .Values.nameOverride -}}
{{- end -}}

{{- /* At most 63 characters, without the dots that a release may have: a Service has this name, too. */}}
{{- define "serverfarm.fullname" -}}
{{- $name := include "serverfarm.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- regexReplaceAll "-+$" (default $full .Values.fullnameOverride | replace "." "-" | trunc 63) "" -}}
{{- end -}}

{{- /* A Service's name has at most 63 characters with its suffix, and starts with a letter. A release's name, 53 characters, is never cut. */}}
{{- define "serverfarm.service" -}}
{{- $name := include "serverfarm.fullname" . -}}
{{- printf "%s-metrics" (ternary (printf "s%s" $name) $name (regexMatch "^[0-9]" $name) | trunc 55) -}}
{{- end -}}

{{- define "serverfarm.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "serverfarm.selector" -}}
app.kubernetes.io/name: {{ include "serverfarm.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "serverfarm.ownLabels" -}}
{{ include "serverfarm.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- /* What every object has. */}}
{{- define "serverfarm.labels" -}}
{{- include "serverfarm.labelsWith" (dict "root" . "extra" dict) -}}
{{- end -}}

{{- /* root: the chart's context; extra: more labels. One key is there once: the chart's own first, then the extra ones, then commonLabels. */}}
{{- define "serverfarm.labelsWith" -}}
{{- $own := include "serverfarm.ownLabels" .root | fromYaml -}}
{{- toYaml (merge $own .extra .root.Values.commonLabels) -}}
{{- end -}}

{{- define "serverfarm.serviceAccount" -}}
{{- default (include "serverfarm.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "serverfarm.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* 1h30m → 5400000; src/base/duration.ts reads them in the same way. */}}
{{- define "serverfarm.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | int64) (get $units (regexFind "[a-z]+" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- /* root: the chart's context; monitor: its values. How it scrapes. */}}
{{- define "serverfarm.endpoint" -}}
{{- $secure := .root.Values.metrics.secure -}}
port: metrics
honorLabels: true
interval: {{ .monitor.interval }}
{{- with .monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- if $secure.enabled }}
scheme: https
tlsConfig:
  # The certificate's name, whatever the address: replicas are scraped one by one.
  serverName: {{ printf "%s.%s.svc" (include "serverfarm.service" .root) (include "serverfarm.namespace" .root) | quote }}
  ca: {secret: {name: {{ $secure.certificateSecret | quote }}, key: ca.crt}}
{{- if $secure.tokenSecret }}
authorization: {type: Bearer, credentials: {name: {{ $secure.tokenSecret | quote }}, key: token}}
{{- else }}
bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
{{- end }}
{{- end }}
{{- with .monitor.relabelings }}
relabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .monitor.metricRelabelings }}
metricRelabelings: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
