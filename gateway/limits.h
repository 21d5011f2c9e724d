// Bounds of the gateway. Every cache, wait, document and page of gateway/ names its maximum here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"
#include "cache/block.h"

namespace cairn::gateway {

// Settings.
inline constexpr size_t kSettingsBytesMax = 16 * KiB;
inline constexpr size_t kPrefixBytesMax = 512;  // Leaves room for keys.
inline constexpr size_t kCredentialBytesMax = 1 * KiB;
inline constexpr Duration kTtlDefault = seconds(60);
inline constexpr Duration kTtlMax = seconds(7 * 24 * 3600);

// What is known of objects, for all gateway buckets of a server.
inline constexpr uint64_t kMetadataBytesMax = 64 * MiB;
// A key that was not there is asked for again after this: it may be somebody's lock file.
inline constexpr Duration kAbsentTtlMax = seconds(1);

// Waits for the upstream. Three attempts of a question must fit, a client's patience must not be
// used up: SDKs give up on a silent server after 60 s.
inline constexpr Duration kQuestionPatience = seconds(20);
inline constexpr Duration kFetchPatience = seconds(30);    // Of one block, all attempts together,
inline constexpr Duration kAttemptPatience = seconds(12);  // and each, once it is its turn.
inline constexpr unsigned kFetchAttemptsMax = 3;
// One request for what is read in order. Longer ones bring little: the next is sent before the last
// bytes of this one are there.
inline constexpr uint64_t kRunBytesMax = 16 * MiB;
// How long an answer is kept open for a client that is slow to take it, and how many of a reactor.
inline constexpr Duration kRunIdlePatience = seconds(10);
inline constexpr size_t kIdleRunsMax = 16;
// What was on its way then is lost: readers of the object get short answers for so long.
inline constexpr Duration kSlowReaderMemory = seconds(60);
inline constexpr Duration kRunWatchInterval = milliseconds(500);
inline constexpr size_t kRunsRemembered = 8;    // Of an object: where readers may go on.
inline constexpr size_t kConnectionsMax = 128;  // Of a reactor, to one upstream.
// Of copies and completions, which the upstream answers when it is done.
inline constexpr Duration kWorkPatience = seconds(300);

// An object that changes while it is read is begun anew so often, before the first byte.
inline constexpr unsigned kReadTurnsMax = 4;

// A body is read in chunks of one block of the caches: one fetch, one sealing, one entry. So many
// are handed to the reader at a time.
inline constexpr uint64_t kVirtualChunkBytes = cache::kBlockBytes;
inline constexpr uint64_t kWindowChunks = 1024;

// Replies of the upstream that are rewritten.
inline constexpr size_t kReplyBytesMax = 8 * MiB;

// A piece of an upload on its way.
inline constexpr size_t kUploadPieceBytes = 256 * KiB;

}  // namespace cairn::gateway
