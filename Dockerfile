# The portable program on a base that has a C library, certificates and time zones, and no shell.
#
# Its content comes from `scripts/release.sh`, which makes target/release-files/image:
#   scripts/release.sh && docker build --tag trailsift .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/data" trailsift hunt AWSLogs
FROM gcr.io/distroless/base-debian12:nonroot

ARG TARGETARCH=amd64
ARG VERSION=unknown
ARG COMMIT=unknown

LABEL org.opencontainers.image.title="trailsift" \
      org.opencontainers.image.description="Hunts years of AWS CloudTrail archives for AWS quarantining a compromised key" \
      org.opencontainers.image.licenses="(MIT OR Apache-2.0) AND Elastic-2.0" \
      org.opencontainers.image.source="https://github.com/trailsift/trailsift" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"

COPY target/release-files/image/${TARGETARCH}/trailsift/ /opt/trailsift/

# "nonroot" of the base, by number, so that Kubernetes can check `runAsNonRoot`.
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/opt/trailsift/trailsift"]
CMD ["--help"]
