// The batch engine gives OpenSSL's values for any number of streams, any split into blocks and any
// order of adding, on every kernel of this processor.
#include "crypto/hash_engine.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/hash_kernels.h"

namespace cairn::crypto {
namespace {

std::string openssl_hex(const EVP_MD* algorithm, BytesView bytes) {
  Bytes value(EVP_MAX_MD_SIZE);
  unsigned size_bytes = 0;
  EXPECT_EQ(EVP_Digest(bytes.data(), bytes.size(), value.data(), &size_bytes, algorithm, nullptr),
            1);
  value.resize(size_bytes);
  return to_hex(value);
}

// Sizes gather at the block's edges, with a few long ones.
size_t any_size(Random& random) {
  switch (random.below(4)) {
    case 0: return random.below(8);
    case 1: return 64 * random.below(6) + random.below(3);
    case 2: return random.below(700);
    default: return random.below(20000);
  }
}

struct Source {
  Bytes data;
  size_t fed = 0;
  Md5Stream md5;
  Sha256Stream sha256;
  Sha256Value message{};
};

// Feeds every source by random pieces in random turns, with runs in between, and compares.
void check_engine(HashEngine& engine, Random& random, size_t sources_count) {
  std::deque<Source> sources(sources_count);
  for (Source& source : sources) {
    source.data.resize(any_size(random));
    random.fill(source.data);
    engine.add_message(source.data, &source.message);
  }
  std::vector<Source*> open;
  for (Source& source : sources) open.push_back(&source);
  while (!open.empty()) {
    const size_t turn = random.below(open.size());
    Source& source = *open[turn];
    const size_t left = source.data.size() - source.fed;
    const size_t part = std::min(left, any_size(random));
    const BytesView piece = BytesView(source.data).subspan(source.fed, part);
    engine.add(source.md5, piece);
    engine.add(source.sha256, piece);
    source.fed += part;
    if (part == left) open.erase(open.begin() + static_cast<ptrdiff_t>(turn));
    if (random.below(10) == 0) engine.run();
  }
  engine.run();
  EXPECT_FALSE(engine.has_work());
  for (Source& source : sources) {
    EXPECT_EQ(to_hex(source.md5.finish()), openssl_hex(EVP_md5(), source.data));
    EXPECT_EQ(to_hex(source.sha256.finish()), openssl_hex(EVP_sha256(), source.data));
    EXPECT_EQ(to_hex(source.message), openssl_hex(EVP_sha256(), source.data));
  }
}

TEST(HashEngine, AgreesWithOpenSslForAnySplitOnEveryKernel) {
  for (const HashKernel& md5 : md5_kernels()) {
    for (const HashKernel& sha256 : sha256_kernels()) {
      SCOPED_TRACE(std::string(md5.name) + " " + std::string(sha256.name));
      HashEngine engine(md5, sha256);
      for (uint64_t seed = 0; seed < 60; ++seed) {
        SCOPED_TRACE(seed);
        SeededRandom random(seed);
        check_engine(engine, random, 1 + random.below(40));
      }
    }
  }
}

TEST(HashEngine, EveryKernelTakesEveryNumberOfLanes) {
  SeededRandom random(7);
  for (const bool is_md5 : {true, false}) {
    for (const HashKernel& kernel : is_md5 ? md5_kernels() : sha256_kernels()) {
      for (size_t lanes = 1; lanes <= kernel.lanes_max; ++lanes) {
        std::vector<Bytes> data(lanes, Bytes(3 * kHashBlockBytes));
        std::vector<std::array<uint32_t, 8>> states(lanes);
        std::vector<uint32_t*> state_pointers(lanes);
        std::vector<const uint8_t*> data_pointers(lanes);
        for (size_t i = 0; i < lanes; ++i) {
          random.fill(data[i]);
          for (uint32_t& word : states[i]) word = static_cast<uint32_t>(random.next_u64());
          state_pointers[i] = states[i].data();
          data_pointers[i] = data[i].data();
        }
        auto expected = states;
        const HashKernel& single = (is_md5 ? md5_kernels() : sha256_kernels()).back();
        for (size_t i = 0; i < lanes; ++i) {
          uint32_t* state = expected[i].data();
          single.compress(1, &state, &data_pointers[i], 3);
        }
        kernel.compress(lanes, state_pointers.data(), data_pointers.data(), 3);
        EXPECT_EQ(states, expected) << kernel.name << " " << lanes;
      }
    }
  }
}

TEST(HashEngine, HashesWhatIsQueuedWhenTheQueueIsFull) {
  HashEngine engine;
  const Bytes data(100, 0x5a);
  std::vector<Sha256Value> values(kHashJobsMax + 10);
  Md5Stream stream;
  std::string all;
  for (Sha256Value& value : values) {
    engine.add_message(data, &value);
    engine.add(stream, data);
    all.append(as_text(data));
  }
  EXPECT_EQ(to_hex(values.front()), openssl_hex(EVP_sha256(), data));
  EXPECT_EQ(values.back(), Sha256Value{});
  engine.run();
  EXPECT_EQ(values.back(), values.front());
  EXPECT_EQ(to_hex(stream.finish()), openssl_hex(EVP_md5(), as_bytes(all)));
}

}  // namespace
}  // namespace cairn::crypto
