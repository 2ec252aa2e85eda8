# The operator's image, for amd64 and arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 -t REPOSITORY/serverfarm-operator:VERSION --push .
# Nothing in /app depends on the processor, so it is put together once, on the machine that builds; only the base below differs.
# Behind a mirror: --secret id=npmrc,src=FILE with its registry.
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim
# Node 24 with what it needs, the system's CAs and a user 65532: no shell, no package manager.
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot

FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Only what runs: without the clients that src/kubernetes/kube-config.ts leaves out, and without what is there for compilers and debuggers.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund && \
    for clients in apis models types; do rm -r node_modules/@kubernetes/client-node/dist/gen/$clients; done && rm -r node_modules/@types && \
    find node_modules -type f \( -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' -o -name '*.map' -o -name '*.test.*' -o -name '*.bare' \) -delete && \
    rm package-lock.json node_modules/.package-lock.json
COPY LICENSE ./
COPY src src
# The same program as the plugin's archive, for jobs that have no other: the base has no shell that could start it.
RUN mkdir bin && printf '#!/nodejs/bin/node\nimport "/app/src/kubectl-farm.ts";\n' > bin/kubectl-farm && chmod 755 bin/kubectl-farm
# Whatever the umask of the checkout: another user reads it, and the image is the same.
RUN chmod -R u=rwX,go=rX .

FROM ${RUNTIME_IMAGE}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="serverfarm-operator" \
      org.opencontainers.image.description="Active Directory service identities, run the Kubernetes way" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# One pool of the C library gives memory back that further ones would keep. Half of the threads may wait for DNS: names that it does not answer leave some.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 UV_THREADPOOL_SIZE=32 NODE_OPTIONS=--max-semi-space-size=8 PATH=${PATH}:/app/bin
WORKDIR /app
COPY --from=build /app ./
# By number: Kubernetes checks runAsNonRoot by it.
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/nodejs/bin/node", "/app/src/main.ts"]
CMD ["run", "--config", "/etc/serverfarm-operator/config.yaml"]
