#pragma once

#include <cstdint>

// What the server asks and sets of its process and machine, once, at start.
namespace cairn::server {

// Processors that this process may run on (sched_getaffinity), at least 1.
unsigned usable_cpus();

// A quarter of the machine's memory, in bytes; 1 GiB where it cannot be told.
uint64_t quarter_of_memory();

// No core dumps and no ptrace by others: keys would be in them.
void forbid_core_dumps();

// Has malloc keep what large answers free: a listing's page is a megabyte in a few pieces, and by
// default malloc may map and unmap them, or give the heap's end back, at every request (0.3 of 1.0
// ms of a page of 1,000 keys were page faults).
void keep_freed_memory();

}  // namespace cairn::server
