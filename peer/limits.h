// Bounds of what nodes of a cluster ask each other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"
#include "crypto/sealing.h"

namespace cairn::peer {

// An owner that says nothing for so long is passed by: its home is asked beside it.
inline constexpr Duration kPatience = milliseconds(50);
// An owner that reads its home says so as often as this: several times within a reader's patience.
inline constexpr Duration kHeartbeat = milliseconds(12);
// What an owner reads is waited for so long, however alive it says it is. Bounds also two nodes
// with different views of the cluster that wait for each other.
inline constexpr Duration kReadMax = seconds(2);
// Until a reader gives up an answer of which bytes keep coming.
inline constexpr Duration kAnswerMax = seconds(30);
inline constexpr Duration kConnectMax = seconds(1);
// What is asked of other nodes besides bytes (control.h): until a node counts as not reached, how
// many are asked at a time, and tellings of damaged chunks under way on one core.
inline constexpr Duration kControlMax = seconds(2);
inline constexpr size_t kNodesAskedAtOnce = 16;
inline constexpr size_t kTellingsMax = 16;
// One receive: silence is counted from one to the next.
inline constexpr size_t kPieceBytes = 256 * KiB;

// Requests of one node to another at a time; beyond, the home is asked. No request waits for a
// connection: even one core has as many.
inline constexpr uint32_t kInFlightPerPeerMax = 64;
inline constexpr size_t kConnectionsPerCore = kInFlightPerPeerMax;  // To one node.
// On how many nodes a hot chunk is kept at most.
inline constexpr size_t kOwnersMax = 8;
// What a reader remembers of hot chunks, and how long it believes it.
inline constexpr size_t kHotHints = 1024;
inline constexpr Duration kHotHintFor = seconds(5);
// A node's network, by which load on a chunk is called hot: 25 Gbit/s.
inline constexpr double kNodeBytesPerSecond = 25e9 / 8;

inline constexpr uint64_t kPayloadBytesMax = crypto::kChunkBytesMax + crypto::kSegmentTableBytesMax;
inline constexpr size_t kNameBytesMax = 128;

// Sealed blocks that are kept for other nodes, when nothing else is said.
inline constexpr uint64_t kKeptBytesDefault = 256 * MiB;
inline constexpr uint64_t kKeptBytesMin = 16 * MiB;
// Blocks that go when a new one finds no run of memory that is long enough.
inline constexpr int kEvictionsPerRunMax = 16;

}  // namespace cairn::peer
