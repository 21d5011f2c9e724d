#include "iam/errors.h"

namespace cairn::iam {

std::unexpected<Error> fail_with(Code code, std::string_view why, std::string_view message) {
  return fail(code, std::string(why).append(message));
}

std::unexpected<Error> no_such(std::string_view kind, std::string_view name) {
  return fail(Code::kNotFound,
              "The " + std::string(kind) + " with name " + std::string(name) + " cannot be found.");
}

std::unexpected<Error> exists_already(std::string_view kind, std::string_view name) {
  return fail(Code::kAlreadyExists,
              std::string(kind) + " with name " + std::string(name) + " already exists.");
}

std::unexpected<Error> over_limit(std::string_view quota, size_t most) {
  return fail(Code::kResourceExhausted,
              "Cannot exceed quota for " + std::string(quota) + ": " + std::to_string(most));
}

}  // namespace cairn::iam
