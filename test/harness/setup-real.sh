#!/usr/bin/env bash
# Installs the real Active Directory that the tests use: Samba 4.21 or later, with Kerberos and LDAP tools; and Prometheus, whose promtool tests
# the alerts, and Lua, in which Argo CD's health checks are (Debian, root).
# Kubernetes' own servers are not packaged there: put etcd, kube-apiserver, kube-controller-manager and kubectl into a folder and
# name it in KUBEBUILDER_ASSETS, as setup-envtest does.
set -euo pipefail
if command -v samba >/dev/null && command -v kvno >/dev/null && command -v openssl >/dev/null && command -v promtool >/dev/null && command -v lua5.1 >/dev/null; then
  samba --version
  exit 0
fi
. /etc/os-release
suite="$VERSION_CODENAME"
if [ "$suite" = bookworm ]; then suite=bookworm-backports; fi
if [ "$suite" != "$VERSION_CODENAME" ] && ! grep -rqs "$suite" /etc/apt/sources.list /etc/apt/sources.list.d; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -n 1)
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' "$mirror" "$suite" \
    >/etc/apt/sources.list.d/backports.sources
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -t "$suite" \
  samba samba-ad-dc samba-ad-provision winbind krb5-user ldap-utils ldb-tools openssl procps prometheus lua5.1 >/dev/null
samba --version
