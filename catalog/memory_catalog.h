// A catalog in memory: the reference model of the contract, and the simulator's catalog.
//
// Keeps every version of every entry that some snapshot may still read. Durable only as long as the
// object lives. Thread rule: any thread; one mutex, no call blocks on anything else.
#pragma once

#include <memory>

#include "catalog/catalog.h"

namespace cairn::catalog {

struct MemoryOptions {
  size_t history_commits_max = 1 << 16;  // How far tail() reaches back.
};

std::unique_ptr<Catalog> make_memory_catalog(MemoryOptions options = {});

}  // namespace cairn::catalog
