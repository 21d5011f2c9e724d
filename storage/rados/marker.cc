#include "storage/rados/marker.h"

#include <cerrno>

namespace cairn::storage {
namespace {

constexpr const char* kMarkerName = "FORMAT";

std::string where(const RadosPool& pool) {
  return "rados:" + pool.place().pool + "/" + pool.place().name_space;
}

io::Task<int> make(RadosPool& pool, RandomId store_id, bool divide) {
  Bytes block(kBlockBytes);
  encode(VolumeFormat{.store_id = store_id,
                      .volume_id = store_id,
                      .volumes_count = 1,
                      .has_chunk_objects = divide},
         block);
  RadosWrite operation = pool.begin_write();
  operation.create_new().content(block);
  const RadosAnswer answer =
      co_await pool.write(RadosSpace::kControl, kMarkerName, std::move(operation), false);
  co_return answer.code;
}

}  // namespace

io::Task<Result<RadosMarker>> settle_rados_marker(RadosPool& pool, RandomId store_id, bool create,
                                                  bool adopt, bool divide) {
  bool is_new = false;
  Bytes block(kBlockBytes);
  RadosObject found = co_await pool.read(RadosSpace::kControl, kMarkerName, 0, block);
  if (found.code == -ENOENT && !create) {
    co_return fail(Code::kNotFound, where(pool) +
                                        " has no marker of a store, and this data directory has "
                                        "its chunks there: check pool and namespace of the home");
  }
  if (found.code == -ENOENT) {
    const int made = co_await make(pool, store_id, divide);
    if (made < 0 && made != -EEXIST) {
      co_return std::unexpected(pool.error_of(made, "making a store"));
    }
    is_new = made >= 0;
    found = co_await pool.read(RadosSpace::kControl, kMarkerName, 0, block);
  }
  if (found.code < 0) co_return std::unexpected(pool.error_of(found.code, "finding a store"));
  block.resize(found.read_bytes);
  const Result<VolumeFormat> format = decode_bucket_format(block);
  if (!format) co_return std::unexpected(format.error().with_context(where(pool) + " FORMAT"));
  if (adopt || format->store_id == store_id) {
    co_return RadosMarker{format->store_id, is_new, format->has_chunk_objects};
  }
  co_return fail(
      Code::kFailedPrecondition,
      where(pool) + " is the home of another data directory: give each its own pool or namespace");
}

}  // namespace cairn::storage
