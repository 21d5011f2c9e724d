// What crypto/ costs per core. Rates are by CPU time, so other load on the machine does not count.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "base/units.h"
#include "crypto/aead.h"
#include "crypto/crc64.h"
#include "crypto/digest.h"
#include "crypto/hash_engine.h"
#include "crypto/hash_kernels.h"
#include "crypto/hmac.h"
#include "crypto/key_ring.h"
#include "crypto/sealing.h"

namespace cairn::crypto {
namespace {

constexpr size_t kBlockBytes = 256 * KiB;

Bytes random_bytes(size_t size_bytes) {
  SeededRandom random(1);
  Bytes bytes(size_bytes);
  random.fill(bytes);
  return bytes;
}

void count_bytes(benchmark::State& state, size_t bytes_per_iteration) {
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes_per_iteration));
}

void BM_EngineMd5(benchmark::State& state) {
  const auto streams_count = static_cast<size_t>(state.range(0));
  const Bytes data = random_bytes(streams_count * kBlockBytes);
  std::vector<Md5Stream> streams(streams_count);
  HashEngine engine;
  for ([[maybe_unused]] auto iteration : state) {
    for (size_t i = 0; i < streams_count; ++i) {
      engine.add(streams[i], BytesView(data).subspan(i * kBlockBytes, kBlockBytes));
    }
    engine.run();
  }
  count_bytes(state, data.size());
}
BENCHMARK(BM_EngineMd5)->Arg(1)->Arg(2)->Arg(3)->Arg(4)->Arg(8)->Arg(16);

void BM_EngineSha256(benchmark::State& state) {
  const auto messages_count = static_cast<size_t>(state.range(0));
  const Bytes data = random_bytes(messages_count * kBlockBytes);
  std::vector<Sha256Value> values(messages_count);
  HashEngine engine;
  for ([[maybe_unused]] auto iteration : state) {
    for (size_t i = 0; i < messages_count; ++i) {
      engine.add_message(BytesView(data).subspan(i * kBlockBytes, kBlockBytes), &values[i]);
    }
    engine.run();
  }
  benchmark::DoNotOptimize(values.data());
  count_bytes(state, data.size());
}
BENCHMARK(BM_EngineSha256)->Arg(1)->Arg(2)->Arg(3)->Arg(4)->Arg(8);

void BM_OpenSsl(benchmark::State& state, const char* name) {
  EVP_MD* algorithm = EVP_MD_fetch(nullptr, name, nullptr);
  const Bytes data = random_bytes(static_cast<size_t>(state.range(0)));
  std::array<uint8_t, EVP_MAX_MD_SIZE> value;
  for ([[maybe_unused]] auto iteration : state) {
    EVP_Digest(data.data(), data.size(), value.data(), nullptr, algorithm, nullptr);
    benchmark::DoNotOptimize(value);
  }
  count_bytes(state, data.size());
  EVP_MD_free(algorithm);
}
BENCHMARK_CAPTURE(BM_OpenSsl, md5, "MD5")->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_OpenSsl, sha256, "SHA256")->Arg(64)->Arg(kBlockBytes);

void BM_Digest(benchmark::State& state, DigestKind kind) {
  const Bytes data = random_bytes(static_cast<size_t>(state.range(0)));
  for ([[maybe_unused]] auto iteration : state) {
    DigestValue value = digest_of(kind, data);
    benchmark::DoNotOptimize(value);
  }
  count_bytes(state, data.size());
}
BENCHMARK_CAPTURE(BM_Digest, md5, DigestKind::kMd5)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, sha1, DigestKind::kSha1)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, sha256, DigestKind::kSha256)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, crc32, DigestKind::kCrc32)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, crc32c, DigestKind::kCrc32c)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, crc64nvme, DigestKind::kCrc64Nvme)->Arg(64)->Arg(kBlockBytes);
BENCHMARK_CAPTURE(BM_Digest, xxh3_128, DigestKind::kXxh3_128)->Arg(64)->Arg(kBlockBytes);

void BM_HmacSha256(benchmark::State& state) {
  const Bytes key = random_bytes(32);
  const Bytes message = random_bytes(200);
  for ([[maybe_unused]] auto iteration : state) {
    Sha256Value value = hmac_sha256(key, message);
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(BM_HmacSha256);

void BM_Hkdf(benchmark::State& state) {
  const Bytes key = random_bytes(32);
  const Bytes info = random_bytes(80);
  std::array<uint8_t, 64> out;
  for ([[maybe_unused]] auto iteration : state) {
    hkdf_sha256(key, key, info, out);
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(BM_Hkdf);

void BM_AeadFrame(benchmark::State& state) {
  const AeadEngine& engine = aead_engines()[static_cast<size_t>(state.range(0))];
  const bool with_open = state.range(1) != 0;
  const auto frame_bytes = static_cast<size_t>(state.range(2));
  state.SetLabel(std::string(engine.name) + (with_open ? " seal and open" : " seal"));
  const auto cipher = engine.create(random_bytes(kAeadKeyBytes));
  const Bytes aad = random_bytes(64);
  Bytes frame = random_bytes(frame_bytes);
  const AeadNonce nonce{};
  std::array<uint8_t, kAeadTagBytes> tag;
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(cipher->seal(nonce, aad, frame, tag));
    if (with_open) benchmark::DoNotOptimize(cipher->open(nonce, aad, frame, tag));
  }
  count_bytes(state, with_open ? 2 * frame.size() : frame.size());
}

void BM_ChunkOpen(benchmark::State& state) {
  SeededRandom random(3);
  KeyRing ring(SecretKey::generate(random));
  benchmark::DoNotOptimize(ring.create_version(kRootTenant, random));
  const ChunkBinding binding{
      .tenant = kRootTenant, .id = {}, .plaintext_bytes = 4 * MiB, .table_bytes = 0};
  Bytes payload(binding.plaintext_bytes);
  const Result<Bytes> header = seal_chunk(*ring.current(kRootTenant), binding, random, payload);
  for ([[maybe_unused]] auto iteration : state) {
    auto opener = ChunkOpener::create(ring, kRootTenant, binding.id, *header);
    benchmark::DoNotOptimize(opener);
  }
}
BENCHMARK(BM_ChunkOpen);

void BM_ChunkSeal(benchmark::State& state) {
  SeededRandom random(3);
  KeyRing ring(SecretKey::generate(random));
  benchmark::DoNotOptimize(ring.create_version(kRootTenant, random));
  const ChunkBinding binding{
      .tenant = kRootTenant, .id = {}, .plaintext_bytes = 4 * MiB, .table_bytes = 0};
  Bytes payload(binding.plaintext_bytes);
  for ([[maybe_unused]] auto iteration : state) {
    auto header = seal_chunk(*ring.current(kRootTenant), binding, random, payload);
    benchmark::DoNotOptimize(header);
  }
  count_bytes(state, payload.size());
}
BENCHMARK(BM_ChunkSeal);

void BM_ValueSealAndOpen(benchmark::State& state) {
  SeededRandom random(3);
  KeyRing ring(SecretKey::generate(random));
  benchmark::DoNotOptimize(ring.create_version(kRootTenant, random));
  const Bytes plaintext = random_bytes(static_cast<size_t>(state.range(0)));
  for ([[maybe_unused]] auto iteration : state) {
    const auto sealed = seal_value(*ring.current(kRootTenant), "bucket/key", random, plaintext);
    auto opened = open_value(ring, kRootTenant, "bucket/key", as_bytes(*sealed));
    benchmark::DoNotOptimize(opened);
  }
}
BENCHMARK(BM_ValueSealAndOpen)->Arg(100)->Arg(4096);

void BM_CombineCrc64(benchmark::State& state) {
  const DigestValue value = digest_of(DigestKind::kCrc64Nvme, as_bytes("part"));
  for ([[maybe_unused]] auto iteration : state) {
    DigestValue joined = combine_crc(DigestKind::kCrc64Nvme, value, value, 8 * MiB);
    benchmark::DoNotOptimize(joined);
  }
}
BENCHMARK(BM_CombineCrc64);

// One row for every engine this processor has.
const bool kAeadRegistered = [] {
  for (size_t i = 0; i < aead_engines().size(); ++i) {
    for (const int64_t frame_bytes : {8192, 16384, 32768, 65536}) {
      benchmark::RegisterBenchmark("BM_AeadFrame", BM_AeadFrame)
          ->Args({static_cast<int64_t>(i), 0, frame_bytes})
          ->Args({static_cast<int64_t>(i), 1, frame_bytes});
    }
  }
  return true;
}();

}  // namespace
}  // namespace cairn::crypto
