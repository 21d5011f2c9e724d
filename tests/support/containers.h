// Small archives and model files for tests, by seed: what the formats' own tools would write.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/units.h"

namespace cairn::testing_support {

struct Member {
  std::string name;
  Bytes data;
};

inline void put(Bytes& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}
template <typename T>
void put_number(Bytes& out, T value) {
  uint8_t bytes[sizeof(T)];
  store_le(bytes, value);
  out.insert(out.end(), bytes, bytes + sizeof(T));
}

inline void put_tar_header(Bytes& out, const std::string& name, uint64_t size, char type) {
  Bytes header(512, 0);
  const auto set = [&](size_t at, const std::string& text) {
    std::copy(text.begin(), text.end(), header.begin() + static_cast<ptrdiff_t>(at));
  };
  const auto octal = [](uint64_t value, size_t digits) {
    std::string text(digits, '0');
    for (size_t i = digits; i-- > 0; value /= 8) text[i] = static_cast<char>('0' + value % 8);
    return text;
  };
  set(0, name.substr(0, 100));
  set(100, "0000644");
  set(108, "0000000");
  set(116, "0000000");
  set(124, octal(size, 11));
  set(136, "14000000000");
  set(148, "        ");
  header[156] = static_cast<uint8_t>(type);
  set(257, std::string("ustar\0"
                       "00",
                       8));
  uint64_t sum = 0;
  for (const uint8_t byte : header) sum += byte;
  set(148, octal(sum, 6) + std::string("\0 ", 2));
  out.insert(out.end(), header.begin(), header.end());
}

inline void pad(Bytes& out, size_t unit) {
  out.resize((out.size() + unit - 1) / unit * unit, 0);
}

// Every third member has a pax header before it, every fourth a long GNU name.
inline Bytes tar_of(const std::vector<Member>& members) {
  Bytes out;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i % 3 == 1) {
      const std::string record =
          i % 2 == 0
              ? "12 mtime=1.5\n"
              : "20 size=" + std::string(11 - std::to_string(members[i].data.size()).size(), '0') +
                    std::to_string(members[i].data.size()) + "\n";
      put_tar_header(out, "pax", record.size(), 'x');
      put(out, record);
      pad(out, 512);
    } else if (i % 4 == 3) {
      put_tar_header(out, "././@LongLink", 150, 'L');
      put(out, std::string(150, 'n'));
      pad(out, 512);
    }
    put_tar_header(out, members[i].name, members[i].data.size(), '0');
    out.insert(out.end(), members[i].data.begin(), members[i].data.end());
    pad(out, 512);
  }
  out.resize(out.size() + 1024, 0);
  return out;
}

// Stored members. `streamed`: their sizes stand behind them, as a writer that cannot seek does it.
inline Bytes zip_of(const std::vector<Member>& members, bool streamed) {
  Bytes out;
  for (const Member& member : members) {
    put(out, "PK\x03\x04");
    put_number<uint16_t>(out, 20);
    put_number<uint16_t>(out, streamed ? 8 : 0);
    put_number<uint16_t>(out, 0);
    put_number<uint32_t>(out, 0);
    put_number<uint32_t>(out, 0);
    const auto size = static_cast<uint32_t>(member.data.size());
    put_number<uint32_t>(out, streamed ? 0 : size);
    put_number<uint32_t>(out, streamed ? 0 : size);
    put_number<uint16_t>(out, static_cast<uint16_t>(member.name.size()));
    put_number<uint16_t>(out, 0);
    put(out, member.name);
    out.insert(out.end(), member.data.begin(), member.data.end());
    if (!streamed) continue;
    put(out, "PK\x07\x08");
    put_number<uint32_t>(out, 0);
    put_number<uint32_t>(out, size);
    put_number<uint32_t>(out, size);
  }
  put(out, "PK\x01\x02");
  out.resize(out.size() + 60, 0);
  return out;
}

inline Bytes safetensors_of(const std::vector<Member>& tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}";
  uint64_t at = 0;
  for (const Member& tensor : tensors) {
    header += ",\"" + tensor.name + "\":{\"dtype\":\"U8\",\"shape\":[" +
              std::to_string(tensor.data.size()) + "],\"data_offsets\":[" + std::to_string(at) +
              "," + std::to_string(at + tensor.data.size()) + "]}";
    at += tensor.data.size();
  }
  header += "}";
  Bytes out;
  put_number<uint64_t>(out, header.size());
  put(out, header);
  for (const Member& tensor : tensors) {
    out.insert(out.end(), tensor.data.begin(), tensor.data.end());
  }
  return out;
}

inline Bytes gguf_of(const std::vector<Member>& tensors) {
  Bytes out;
  const auto put_text = [&out](std::string_view text) {
    put_number<uint64_t>(out, text.size());
    put(out, text);
  };
  put(out, "GGUF");
  put_number<uint32_t>(out, 3);
  put_number<uint64_t>(out, tensors.size());
  put_number<uint64_t>(out, 4);
  put_text("general.alignment");
  put_number<uint32_t>(out, 4);
  put_number<uint32_t>(out, 64);
  put_text("general.name");
  put_number<uint32_t>(out, 8);
  put_text("a model");
  put_text("tokenizer.ggml.tokens");
  put_number<uint32_t>(out, 9);
  put_number<uint32_t>(out, 8);
  put_number<uint64_t>(out, 3);
  for (const char* token : {"a", "", "token"}) put_text(token);
  put_text("tokenizer.ggml.scores");
  put_number<uint32_t>(out, 9);
  put_number<uint32_t>(out, 6);
  put_number<uint64_t>(out, 3);
  out.resize(out.size() + 12, 1);
  uint64_t at = 0;
  for (const Member& tensor : tensors) {
    put_text(tensor.name);
    put_number<uint32_t>(out, 1);
    put_number<uint64_t>(out, tensor.data.size());
    put_number<uint32_t>(out, 24);
    put_number<uint64_t>(out, at);
    at = (at + tensor.data.size() + 63) / 64 * 64;
  }
  for (const Member& tensor : tensors) {
    pad(out, 64);
    out.insert(out.end(), tensor.data.begin(), tensor.data.end());
  }
  return out;
}

// `count` members of up to `size_bytes_max` bytes, sizes spread over the orders of magnitude.
inline std::vector<Member> random_members(SeededRandom& random, size_t count,
                                          uint64_t size_bytes_max) {
  std::vector<Member> members(count);
  for (size_t i = 0; i < count; ++i) {
    members[i].name = "dir/member" + std::to_string(i);
    members[i].data.resize(1 + random.below(1 + (size_bytes_max >> random.below(10))));
    random.fill(members[i].data);
  }
  return members;
}

}  // namespace cairn::testing_support
