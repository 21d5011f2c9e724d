// Questions and answer heads of other nodes. Law: what was read, written and read again is the
// same, and no size is beyond what a chunk may have.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "peer/wire.h"

namespace {

using namespace cairn;
using namespace cairn::peer;

void check_question(std::string_view target) {
  const size_t mark = std::min(target.find('?'), target.size());
  const auto rest_of = [](std::string_view text, size_t at) {
    return text.substr(std::min(at + 1, text.size()));
  };
  const std::optional<Question> first =
      parse_question(target.substr(0, mark), rest_of(target, mark));
  if (!first) return;
  if (first->range.size_bytes == 0 || first->range.size_bytes > kPayloadBytesMax) std::abort();
  if (first->range.offset_bytes >= kPayloadBytesMax) std::abort();
  const std::string again = target_of(*first);
  const size_t at = again.find('?');
  if (parse_question(again.substr(0, at), rest_of(again, at)) != first) std::abort();
}

void check_answer(BytesView bytes) {
  const std::optional<AnswerHead> head = decode_answer(bytes);
  if (!head) return;
  if (head->data_bytes > kPayloadBytesMax || head->owners_count > kOwnersMax) std::abort();
  const auto again = encode(*head);
  if (!std::ranges::equal(BytesView(again).subspan(1), bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_question({reinterpret_cast<const char*>(data), size});
  check_answer({data, size});
  return 0;
}
