#!/bin/bash
# A hunt as an AWS Batch array job: as many children as shards, each with a number of its own, from 0, in
# AWS_BATCH_JOB_ARRAY_INDEX.
#
# usage: scripts/fleet/aws-batch.sh TRAIL RESULTS SHARDS QUEUE DEFINITION
#
#   TRAIL       what is hunted, s3://my-trail-bucket/AWSLogs
#   RESULTS     where manifest, alerts and reports go, s3://my-results
#   QUEUE       a job queue
#   DEFINITION  a job definition, whose image has sh, trailsift and the AWS command line, and whose job role may read
#               TRAIL and write RESULTS; its retry strategy may be 3 attempts, but EXIT on exit code 2
set -euo pipefail

if (($# != 5)); then
    sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p}' "$0" >&2
    exit 2
fi
trail=$1 results=$2 shards=$3 queue=$4 definition=$5

trailsift plan --home-region "$trail" --output "$results/manifest.parquet"

# As in kubernetes.yaml, exit code 3 is a hunt that came to its end.
child="aws s3 cp --only-show-errors $results/manifest.parquet /tmp/manifest.parquet
i=\$AWS_BATCH_JOB_ARRAY_INDEX
trailsift hunt --manifest /tmp/manifest.parquet --shard \$i/$shards --log-format json \
  --output $results/alerts/part-\$i.parquet --report $results/reports/part-\$i.json || [ \$? -eq 3 ]"

overrides=$(python3 -c 'import json, sys; print(json.dumps({"command": ["sh", "-ec", sys.argv[1]]}))' "$child")
aws batch submit-job --job-name quarantines --job-queue "$queue" --job-definition "$definition" \
    --array-properties "size=$shards" --container-overrides "$overrides"
