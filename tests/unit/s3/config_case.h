// What the tests of configuration parsers share: one line per document, with the code and a part of
// the message that a bad one is answered with.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "s3/errors.h"

namespace cairn::s3 {

struct BadDocument {
  std::string body;
  std::string_view code;
  std::string_view message = {};  // A part of it.
};

template <typename T>
void expect_refused(const S3Result<T>& result, const BadDocument& bad) {
  SCOPED_TRACE(bad.body);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(code_info(result.error().code).name, bad.code);
  EXPECT_NE(result.error().text().find(bad.message), std::string_view::npos)
      << result.error().text();
}

inline std::string with_namespace(std::string_view root, std::string_view inside) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + std::string(root) +
         " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + std::string(inside) + "</" +
         std::string(root) + ">";
}

inline std::string repeated(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace cairn::s3
