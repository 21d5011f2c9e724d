#!/usr/bin/env bash
# Whether the tests on a Ceph cluster are to run: with --all among the arguments, or when what they test
# was changed in the working tree or in the last commits ($CAIRN_CHANGES_SINCE, by default 20 of them).
set -euo pipefail
cd "$(dirname "$0")/.."
for argument in "$@"; do [ "$argument" != --all ] || exit 0; done
since=${CAIRN_CHANGES_SINCE:-HEAD~20}
git rev-parse -q --verify "$since^{commit}" >/dev/null || exit 0
! git diff --quiet "$since" -- storage/rados tests/contract/ceph tests/support/ceph server/rados_home.cc \
  crypto/chunk_tenant.h server/orphan_admin.cc tests/integration/faults/rados_partition_test.py \
  tests/integration/ceph_home.py \
  server/migration*.cc catalog/etcd catalog/gated_catalog.cc peer tools/cluster.py \
  tests/integration/rados_home_test.py tests/integration/migrate_test.py tests/integration/cluster_test.py \
  tests/integration/peer_cluster_test.py
