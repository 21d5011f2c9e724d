#include "object/complete.h"

#include <map>
#include <utility>

#include "base/encoding.h"

namespace cairn::object {
namespace {

std::unexpected<Error> refused(std::string_view why, uint32_t number) {
  return fail(Code::kInvalidArgument, std::string(why) + ": part " + std::to_string(number));
}

Status check_part(const Part& part, const CompletedPart& asked, const UploadInfo& upload) {
  if (part.info.etag != asked.etag) return refused(reason::kInvalidPart, asked.number);
  // A part of an upload that named no algorithm may have brought one of its own, which was compared
  // when the part came.
  const bool is_foreign =
      asked.checksum && !upload.checksum_was_asked && asked.checksum->first != upload.checksum;
  if (asked.checksum && !is_foreign) {
    const bool same = part.info.checksum && part.info.checksum->kind == asked.checksum->first &&
                      part.info.checksum->value == asked.checksum->second;
    if (!same) return refused(reason::kInvalidPart, asked.number);
  } else if (upload.checksum_was_asked && upload.checksum_type == ChecksumType::kComposite) {
    return refused(reason::kChecksumMissing, asked.number);
  }
  return {};
}

}  // namespace

Result<std::vector<const Part*>> choose_parts(const std::vector<Part>& stored,
                                              const UploadInfo& upload,
                                              const CompleteOptions& options) {
  if (options.parts.empty()) return refused(reason::kInvalidPart, 0);
  if (options.checksum_type && *options.checksum_type != upload.checksum_type) {
    return fail(Code::kInvalidArgument, std::string(reason::kChecksumTypeDiffers));
  }
  if (options.checksum && options.checksum->first != upload.checksum) {
    return fail(Code::kInvalidArgument, std::string(reason::kChecksumKindDiffers));
  }
  std::map<uint32_t, const Part*> by_number;
  for (const Part& part : stored) by_number.emplace(part.info.number, &part);
  std::vector<const Part*> out;
  uint32_t last_number = 0;
  uint64_t size_bytes = 0;
  for (const CompletedPart& asked : options.parts) {
    if (asked.number <= last_number) return refused(reason::kInvalidPartOrder, asked.number);
    last_number = asked.number;
    const auto found = by_number.find(asked.number);
    if (found == by_number.end()) return refused(reason::kInvalidPart, asked.number);
    const Status good = check_part(*found->second, asked, upload);
    if (!good) return std::unexpected(good.error());
    out.push_back(found->second);
    size_bytes += found->second->info.size_bytes;
  }
  for (size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i]->info.size_bytes < kPartBytesMin) {
      return refused(reason::kPartTooSmall, out[i]->info.number);
    }
  }
  if (options.size_bytes && *options.size_bytes != size_bytes) {
    return fail(Code::kInvalidArgument,
                std::string(reason::kSizeMismatch) + ": " + std::to_string(size_bytes));
  }
  if (size_bytes > kObjectBytesMax) {
    return fail(Code::kInvalidArgument, std::string(reason::kSizeMismatch) + ": too large");
  }
  return out;
}

bool is_crc(DigestKind kind) {
  return kind == DigestKind::kCrc32 || kind == DigestKind::kCrc32c ||
         kind == DigestKind::kCrc64Nvme;
}

namespace {

// A part's MD5; an ETag that is none (of a copied multipart object, say) counts as its text.
void add_etag(crypto::Digest& md5, const std::string& etag) {
  const std::optional<Bytes> raw = from_hex(etag);
  md5.update(raw ? BytesView(*raw) : as_bytes(etag));
}

std::string numbered_etag(crypto::Digest& md5, size_t parts_count) {
  return to_hex(md5.finish().view()) + "-" + std::to_string(parts_count);
}

}  // namespace

std::string combined_etag(const std::vector<const Part*>& parts) {
  const std::unique_ptr<crypto::Digest> md5 = crypto::Digest::create(DigestKind::kMd5);
  for (const Part* part : parts) add_etag(*md5, part->info.etag);
  return numbered_etag(*md5, parts.size());
}

std::string etag_of_parts(const std::vector<ManifestPart>& parts) {
  const std::unique_ptr<crypto::Digest> md5 = crypto::Digest::create(DigestKind::kMd5);
  for (const ManifestPart& part : parts) add_etag(*md5, part.info.etag);
  return numbered_etag(*md5, parts.size());
}

std::optional<ObjectChecksum> combined_checksum(const std::vector<const Part*>& parts,
                                                const UploadInfo& upload) {
  ObjectChecksum out;
  out.kind = upload.checksum;
  out.type = upload.checksum_type;
  const std::unique_ptr<crypto::Digest> composite = crypto::Digest::create(upload.checksum);
  if (upload.checksum_type == ChecksumType::kFullObject && !is_crc(upload.checksum)) {
    return std::nullopt;
  }
  bool first = true;
  for (const Part* part : parts) {
    if (!part->info.checksum || part->info.checksum->kind != upload.checksum) return std::nullopt;
    const DigestValue& value = part->info.checksum->value;
    if (upload.checksum_type == ChecksumType::kComposite) {
      composite->update(value.view());
    } else if (first) {
      out.value = value;
    } else {
      out.value = crypto::combine_crc(upload.checksum, out.value, value, part->info.size_bytes);
    }
    first = false;
  }
  if (upload.checksum_type == ChecksumType::kComposite) {
    out.value = composite->finish();
    out.parts_count = static_cast<uint32_t>(parts.size());
  }
  return out;
}

Status check_whole(const CompleteOptions& options, const ObjectChecksum& checksum) {
  if (!options.checksum) return {};
  if (options.checksum->first == checksum.kind && options.checksum->second == checksum.value) {
    return {};
  }
  return fail(Code::kInvalidArgument, std::string(reason::kChecksumMismatch) +
                                          ": the checksum of the whole object differs");
}

}  // namespace cairn::object
