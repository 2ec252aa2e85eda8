{{- /*
What values.schema.json cannot say: values that depend on each other, and values that are null. Each line that these templates print is a problem: the
field, its value, and what to do. All of them are reported at once. Every template of the chart begins with serverfarm.validate.
*/}}

{{- define "serverfarm.validate" -}}
{{- $missing := include "serverfarm.validate.null" (dict "values" .Values "defaults" (.Files.Get "files/values.yaml" | fromYaml) "path" "") -}}
{{- if $missing -}}
{{- fail (printf "these values cannot be used:%s" $missing) -}}
{{- end -}}
{{- $problems := list -}}
{{- range $check := list "image" "ports" "leaderElection" "accounts" "rollout" "budget" "spread" "dns" "labels" "container" "volumes" "monitors" "secure" "admission" "pods" -}}
{{- $problems = append $problems (include (printf "serverfarm.validate.%s" $check) $ | trimSuffix "\n") -}}
{{- end -}}
{{- $problems = without $problems "" -}}
{{- if $problems -}}
{{- fail (printf "these values cannot be used:%s" (join "" $problems)) -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.problem" }}
- {{ . }}
{{- end -}}

{{- /* Each default has a value, down to the maps whose keys are the user's own. `--set a=null` takes the key away, and an older chart's values lack it. */}}
{{- define "serverfarm.validate.null" -}}
{{- range $key, $default := .defaults -}}
{{- $path := printf "%s%s" $.path $key -}}
{{- $value := get $.values $key -}}
{{- if or (not (hasKey $.values $key)) (kindIs "invalid" $value) -}}
{{- include "serverfarm.problem" (printf "%s is null: give it a value, or leave it out to have its default, %s. (After helm upgrade --reuse-values it may be new: use --reset-then-reuse-values.)" $path (toJson $default)) -}}
{{- else if and (kindIs "map" $default) (not (has $key (list "resources" "nodeSelector" "labels" "podSecurityContext" "securityContext"))) -}}
{{- include "serverfarm.validate.null" (dict "values" $value "defaults" $default "path" (printf "%s." $path)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.pods" -}}
{{- if and .Values.pods.configMaps (not .Values.pods.enabled) -}}
{{- include "serverfarm.problem" "pods.configMaps is true and pods.enabled is false: ConfigMaps come with credential specs; set pods.enabled to true" -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.image" -}}
{{- $repository := .Values.image.repository -}}
{{- if not $repository -}}
{{- include "serverfarm.problem" "image.repository is empty: this chart names no image. Use the chart of a release that does, or push an image to a registry of yours (docs/install.md, \"The image\"), and name it: --set image.repository=REGISTRY/serverfarm-operator" -}}
{{- else if regexMatch ":[^/]*$" $repository -}}
{{- include "serverfarm.problem" (printf "image.repository is %q, with a tag: write the tag into image.tag" $repository) -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.ports" -}}
{{- if eq (int .Values.ports.metrics) (int .Values.ports.health) -}}
{{- include "serverfarm.problem" (printf "ports.metrics and ports.health are the same, %d: the operator listens on both, so give them different numbers" (int .Values.ports.metrics)) -}}
{{- end -}}
{{- end -}}

{{- /* As src/config.ts, which would refuse the file only when the pod starts. */}}
{{- define "serverfarm.validate.leaderElection" -}}
{{- $lease := .Values.config.leaderElection -}}
{{- $time := dict -}}
{{- range $field, $least := dict "leaseDuration" 1000 "renewDeadline" 500 "retryPeriod" 100 -}}
{{- $milliseconds := include "serverfarm.milliseconds" (get $lease $field) | int64 -}}
{{- $_ := set $time $field $milliseconds -}}
{{- if or (lt $milliseconds (int64 $least)) (gt $milliseconds (int64 3600000)) -}}
{{- include "serverfarm.problem" (printf "config.leaderElection.%s is %s: write at least %dms and at most 1h" $field (get $lease $field) $least) -}}
{{- end -}}
{{- end -}}
{{- range $pair := list (list "leaseDuration" "renewDeadline") (list "renewDeadline" "retryPeriod") -}}
{{- $longer := first $pair -}}
{{- $shorter := last $pair -}}
{{- if le (get $time $longer) (get $time $shorter) -}}
{{- include "serverfarm.problem" (printf "config.leaderElection.%s is %s and config.leaderElection.%s is %s: make %s longer than %s" $longer (get $lease $longer) $shorter (get $lease $shorter) $longer $shorter) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.accounts" -}}
{{- with .Values.serviceAccount -}}
{{- if and (not .create) (not .name) -}}
{{- include "serverfarm.problem" "serviceAccount.create is false and serviceAccount.name is empty: name the account. (The namespace's own, default, would give the operator's rights to every pod there; write serviceAccount.name=default if you want that.)" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.rollout" -}}
{{- with .Values.deploymentStrategy -}}
{{- if and (eq .type "RollingUpdate") (regexMatch "^0+%?$" (toString .rollingUpdate.maxUnavailable)) (regexMatch "^0+%?$" (toString .rollingUpdate.maxSurge)) -}}
{{- include "serverfarm.problem" (printf "deploymentStrategy.rollingUpdate.maxUnavailable is %v and deploymentStrategy.rollingUpdate.maxSurge is %v: a rollout could not begin, so raise one of them" .rollingUpdate.maxUnavailable .rollingUpdate.maxSurge) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.budget" -}}
{{- $replicas := int .Values.replicas -}}
{{- $least := toString .Values.podDisruptionBudget.minAvailable -}}
{{- if and .Values.podDisruptionBudget.enabled (gt $replicas 1) (ne $least "") -}}
{{- /* Kubernetes rounds a percentage up. */}}
{{- $needed := ternary (div (add (mul $replicas (trimSuffix "%" $least | int)) 99) 100) (int $least) (hasSuffix "%" $least) -}}
{{- if ge (int $needed) $replicas -}}
{{- include "serverfarm.problem" (printf "podDisruptionBudget.minAvailable is %s and replicas is %d: no node with a replica could ever be drained, so lower minAvailable or raise replicas" $least $replicas) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.spread" -}}
{{- $seen := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- if and .minDomains (ne .whenUnsatisfiable "DoNotSchedule") -}}
{{- include "serverfarm.problem" (printf "topologySpreadConstraints of %s: minDomains is %v and whenUnsatisfiable is %s: minDomains needs DoNotSchedule" .topologyKey .minDomains .whenUnsatisfiable) -}}
{{- end -}}
{{- $seen = append $seen (printf "%s, %s" .topologyKey .whenUnsatisfiable) -}}
{{- end -}}
{{- include "serverfarm.validate.unique" (dict "field" "topologySpreadConstraints" "values" $seen) -}}
{{- end -}}

{{- define "serverfarm.validate.dns" -}}
{{- if and (eq .Values.dnsPolicy "None") (not .Values.dnsConfig.nameservers) -}}
{{- include "serverfarm.problem" "dnsPolicy is None and dnsConfig.nameservers is empty: the pods could resolve nothing, so write dnsConfig.nameservers" -}}
{{- end -}}
{{- $addresses := list -}}
{{- range .Values.hostAliases -}}
{{- $addresses = append $addresses .ip -}}
{{- end -}}
{{- include "serverfarm.validate.unique" (dict "field" "hostAliases" "values" $addresses) -}}
{{- if .Values.networkPolicy.enabled -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.dnsPorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- range .Values.config.dns.servers -}}
{{- /* An IPv6 address without brackets has no port. Port 53 may be that of a Service, whose pods listen on another one. */}}
{{- $port := ternary (regexFind "[0-9]+$" .) "53" (regexMatch "^(\\[.+\\]|[0-9.]+):[0-9]+$" .) | int -}}
{{- if not (or (eq $port 53) (has $port $ports)) -}}
{{- include "serverfarm.problem" (printf "config.dns.servers has %s and networkPolicy.dnsPorts is %s: the network policy would keep the pods from port %d, so add %d to networkPolicy.dnsPorts" . (toJson $ports) $port $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.labels" -}}
{{- $own := include "serverfarm.ownLabels" . | fromYaml -}}
{{- $metrics := .Values.metrics -}}
{{- range $field, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "metrics.podMonitor.labels" $metrics.podMonitor.labels "metrics.serviceMonitor.labels" $metrics.serviceMonitor.labels "metrics.prometheusRule.labels" $metrics.prometheusRule.labels "metrics.dashboard.labels" $metrics.dashboard.labels -}}
{{- range $key, $value := $labels -}}
{{- if or (hasKey $own $key) (hasPrefix "rbac.authorization.k8s.io/" $key) -}}
{{- include "serverfarm.problem" (printf "%s has %s: %s. The chart sets this label itself, so use another one" $field $key $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.podAnnotations "checksum/config" -}}
{{- include "serverfarm.problem" (printf "podAnnotations has checksum/config: %s. The chart sets this annotation itself, so use another one" (get .Values.podAnnotations "checksum/config")) -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.container" -}}
{{- range .Values.extraArgs -}}
{{- if regexMatch "^--config(=|$)" . -}}
{{- include "serverfarm.problem" (printf "extraArgs has %s: the chart writes the configuration, so set it by config, ports and namespaceOverride" .) -}}
{{- end -}}
{{- end -}}
{{- $names := list "POD_NAME" "POD_NAMESPACE" -}}
{{- if .Values.compileCache.enabled -}}
{{- $names = append $names "NODE_COMPILE_CACHE" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- $names = append $names .name -}}
{{- if and (eq .name "NODE_DEBUG") (regexMatch "(?i)\\*|ldapts" (default "" .value)) -}}
{{- include "serverfarm.problem" (printf "extraEnv has NODE_DEBUG with the value %s: the operator would print what it sends to the directory, and refuses to start, so leave it out" .value) -}}
{{- end -}}
{{- end -}}
{{- include "serverfarm.validate.unique" (dict "field" "extraEnv (with those that the chart sets)" "values" $names) -}}
{{- end -}}

{{- define "serverfarm.validate.volumes" -}}
{{- $volumes := ternary (list "config" "metrics-certificate") (list "config") .Values.metrics.secure.enabled -}}
{{- if .Values.compileCache.enabled -}}
{{- $volumes = append $volumes "compiled" -}}
{{- end -}}
{{- range .Values.extraVolumes -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- include "serverfarm.validate.unique" (dict "field" "extraVolumes (with those of the chart)" "values" $volumes) -}}
{{- $own := list "/app" "/nodejs" "/etc/serverfarm-operator" "/etc/serverfarm-metrics" -}}
{{- if .Values.compileCache.enabled -}}
{{- $own = append $own "/var/cache/serverfarm-operator" -}}
{{- end -}}
{{- $paths := list -}}
{{- range .Values.extraVolumeMounts -}}
{{- $path := regexReplaceAll "/+$" .mountPath "" -}}
{{- $paths = append $paths $path -}}
{{- if regexMatch (printf "^$|^(%s)(/|$)" (join "|" $own)) $path -}}
{{- include "serverfarm.problem" (printf "extraVolumeMounts has %s at %s: it would hide the program or its configuration (%s), so mount it elsewhere" .name .mountPath (join ", " $own)) -}}
{{- end -}}
{{- if not (has .name $volumes) -}}
{{- include "serverfarm.problem" (printf "extraVolumeMounts has %s at %s: no volume has this name, so add one to extraVolumes" .name .mountPath) -}}
{{- end -}}
{{- end -}}
{{- include "serverfarm.validate.unique" (dict "field" "extraVolumeMounts" "values" $paths) -}}
{{- end -}}

{{- define "serverfarm.validate.monitors" -}}
{{- with .Values.metrics -}}
{{- if and .serviceMonitor.enabled (not .service) -}}
{{- include "serverfarm.problem" "metrics.serviceMonitor.enabled is true and metrics.service is false: a ServiceMonitor finds the replicas by their Service, so set metrics.service to true, or use metrics.podMonitor" -}}
{{- end -}}
{{- if and .serviceMonitor.enabled .podMonitor.enabled -}}
{{- include "serverfarm.problem" "metrics.serviceMonitor.enabled and metrics.podMonitor.enabled are both true: each replica would be scraped twice, so disable one" -}}
{{- end -}}
{{- range $monitor := list "podMonitor" "serviceMonitor" -}}
{{- $is := get $.Values.metrics $monitor -}}
{{- if and $is.scrapeTimeout (gt (include "serverfarm.milliseconds" $is.scrapeTimeout | int64) (include "serverfarm.milliseconds" $is.interval | int64)) -}}
{{- include "serverfarm.problem" (printf "metrics.%s.scrapeTimeout is %s and metrics.%s.interval is %s: Prometheus refuses a timeout that is longer than the interval, so shorten it" $monitor $is.scrapeTimeout $monitor $is.interval) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "serverfarm.validate.secure" -}}
{{- with .Values.metrics -}}
{{- if and .secure.enabled (not .secure.certificateSecret) -}}
{{- include "serverfarm.problem" "metrics.secure.enabled is true and metrics.secure.certificateSecret is empty: name a Secret of the type kubernetes.io/tls (docs/install.md, \"Metrics over TLS\")" -}}
{{- end -}}
{{- if and .secure.enabled .podMonitor.enabled (not .secure.tokenSecret) -}}
{{- include "serverfarm.problem" "metrics.secure.enabled and metrics.podMonitor.enabled are true and metrics.secure.tokenSecret is empty: a PodMonitor cannot send Prometheus' own token, so name a Secret with one, or use metrics.serviceMonitor" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Not left out silently: who asks for a policy must not believe in one that is not there. */}}
{{- define "serverfarm.validate.admission" -}}
{{- if and .Values.admission.enabled (semverCompare "<1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- include "serverfarm.problem" (printf "admission.enabled is true and Kubernetes is %s: ValidatingAdmissionPolicies need 1.30, so set admission.enabled to false (the operator judges by the tenants of a domain all the same), or upgrade Kubernetes" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}

{{- /* field, values: texts of which each may be there once. */}}
{{- define "serverfarm.validate.unique" -}}
{{- $seen := list -}}
{{- range .values -}}
{{- if has . $seen -}}
{{- include "serverfarm.problem" (printf "%s has %s twice: leave one out" $.field .) -}}
{{- end -}}
{{- $seen = append $seen . -}}
{{- end -}}
{{- end -}}
