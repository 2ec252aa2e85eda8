#!/usr/bin/env bash
# Installs the real Active Directory that the tests use: Samba 4.21 or later, with Kerberos and LDAP tools; Prometheus, for the
# alerts and dashboards; Lua, in which Argo CD's health checks are; and buildah and debootstrap, for the image (Debian, root).
# Kubernetes' own servers are not packaged there: put etcd, kube-apiserver, kube-controller-manager and kubectl into a folder and
# name it in KUBEBUILDER_ASSETS, as setup-envtest does.
set -euo pipefail
missing=
for program in samba kvno openssl promtool lua5.1 buildah debootstrap ip; do
  command -v "$program" >/dev/null || missing+=" $program"
done
if [ -z "$missing" ]; then
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
  samba samba-ad-dc samba-ad-provision winbind krb5-user ldap-utils ldb-tools openssl procps iproute2 jq prometheus lua5.1 buildah debootstrap >/dev/null
samba --version
