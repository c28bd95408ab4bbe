#!/bin/sh
# Makes the namespace once the server answers. Running it again changes nothing.
set -eu

: "${TEMPORAL_ADDRESS:?host:port of Temporal}"
: "${TEMPORAL_NAMESPACE:?the namespace to make}"

tries=0
until temporal operator cluster health >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ "$tries" -ge "${PLACET_TRIES:-60}" ]; then
        echo "Temporal does not answer at $TEMPORAL_ADDRESS" >&2
        exit 1
    fi
    sleep 1
done

if temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
    echo "the namespace $TEMPORAL_NAMESPACE is there"
else
    temporal operator namespace create -n "$TEMPORAL_NAMESPACE" \
        --retention "${TEMPORAL_RETENTION:-30d}"
fi
