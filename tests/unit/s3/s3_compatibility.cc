// Writes docs/s3-compatibility.md out of the route table, so that it cannot lie, or checks that the
// file says the same.
//
//   s3_compatibility OPERATIONS PARTIAL            prints the document
//   s3_compatibility OPERATIONS PARTIAL DOCUMENT   fails when DOCUMENT differs
//
// Every operation of the model (tools/s3_operations.txt) is routed as its request would be. It is
// served when a row of its own name, or of another that tells it apart by the same parameter,
// takes it. Fails when an operation falls through to a row that would do something else with it,
// and when tools/s3_partial.txt names an operation that is not served.
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "s3/handlers.h"
#include "s3/routes.h"
#include "s3/uri.h"

using namespace cairn::s3;

namespace {

struct Operation {
  std::string name;
  std::string method;
  std::string target;
  std::vector<std::string> headers;
};

struct Outcome {
  const Route* route = nullptr;  // Null: refused with `error`.
  S3Error error;
};

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) std::cerr << "s3_compatibility: cannot read " << path << "\n";
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Operation> parse_operations(const std::string& text) {
  std::vector<Operation> operations;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    std::istringstream words(line);
    Operation operation;
    words >> operation.name >> operation.method >> operation.target;
    for (std::string header; words >> header;) operation.headers.push_back(header);
    operations.push_back(std::move(operation));
  }
  return operations;
}

std::map<std::string, std::string> parse_partial(const std::string& text) {
  std::map<std::string, std::string> partial;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t tab = line.find('\t');
    if (line.starts_with('#') || tab == std::string::npos) continue;
    partial.emplace(line.substr(0, tab), line.substr(tab + 1));
  }
  return partial;
}

Outcome route(const Operation& operation) {
  std::vector<HeaderView> headers;
  for (const std::string& name : operation.headers) headers.push_back({name, "bucket/source"});
  const std::string_view whole = operation.target;
  const size_t mark = std::min(whole.find('?'), whole.size());
  RequestView view;
  view.method = operation.method;
  view.path = whole.substr(0, mark);
  view.query = whole.substr(std::min(mark + 1, whole.size()));
  view.headers = headers;
  const S3Result<Query> query = parse_query(view.query);
  if (!query) return {nullptr, query.error()};
  const S3Result<Target> target = split_target("localhost", view.path, {});
  if (!target) return {nullptr, target.error()};
  const S3Result<const Route*> found = find_route(view, *query, *target);
  if (!found) return {nullptr, found.error()};
  if ((*found)->handler == handlers::not_implemented) {
    return {nullptr, S3Error{S3Code::kNotImplemented, {}, {}}};
  }
  return {*found, {}};
}

// A row that takes an operation of another name must tell it apart by the same parameter, unless
// somebody has written down what it does with it.
bool falls_through(const Operation& operation, const Route& row, bool is_written_down) {
  if (row.name == operation.name || is_written_down) return false;
  return row.query.empty() || operation.target.find(row.query) == std::string::npos;
}

struct Document {
  std::string rows;
  size_t served_count = 0;
  size_t partial_count = 0;
  size_t refused_count = 0;
  bool is_sound = true;

  void complain(const std::string& what) {
    std::cerr << "s3_compatibility: " << what << "\n";
    is_sound = false;
  }
  void add(const Operation& operation, const std::map<std::string, std::string>& partial) {
    const Outcome outcome = route(operation);
    const auto note = partial.find(operation.name);
    std::string answer;
    if (outcome.route == nullptr) {
      ++refused_count;
      answer = "no (" + std::to_string(outcome.error.status());
      if (outcome.error.code != S3Code::kNotImplemented) {
        answer.append(" ").append(code_info(outcome.error.code).name);
      }
      answer += ")";
      if (note != partial.end()) complain(operation.name + " is not served, but has a note");
    } else if (falls_through(operation, *outcome.route, note != partial.end())) {
      complain(operation.name + " is taken by " + std::string(outcome.route->name));
    } else if (note != partial.end()) {
      ++partial_count;
      answer = "partial";
    } else {
      ++served_count;
      answer = "yes";
    }
    rows += "| " + operation.name + " | " + answer + " | " +
            (note == partial.end() ? std::string() : note->second) + " |\n";
  }
};

// Rows that no operation of the model names.
std::string beyond_the_model(const std::vector<Operation>& operations) {
  std::set<std::string_view> known;
  for (const Operation& operation : operations) known.insert(operation.name);
  std::string names;
  for (const Route& row : routes()) {
    if (!known.insert(row.name).second) continue;
    names.append(names.empty() ? "" : ", ").append(row.name);
  }
  return names;
}

std::string write_document(const std::vector<Operation>& operations, Document& document) {
  return "# S3 compatibility\n\n"
         "Every operation of the current AWS model, and what this server does with it. This file "
         "is "
         "made out of the route\ntable by `tests/unit/s3/s3_compatibility.cc`, and a test compares "
         "them; what differs is in `tools/s3_partial.txt`,\nthe model's operations in "
         "`tools/s3_operations.txt`.\n\n"
         "yes: " +
         std::to_string(document.served_count) +
         ", partial: " + std::to_string(document.partial_count) +
         ", no: " + std::to_string(document.refused_count) +
         ". What is not served is refused, never answered with\nsomething else. Beyond the "
         "model: " +
         beyond_the_model(operations) +
         " (uploads by HTML form), CORS preflights and web sites.\n\n"
         "| Operation | Served | What differs |\n|---|---|---|\n" +
         document.rows;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3 && count != 4) {
    std::cerr << "usage: s3_compatibility OPERATIONS PARTIAL [DOCUMENT]\n";
    return 2;
  }
  const std::vector<Operation> operations = parse_operations(read_file(arguments[1]));
  std::map<std::string, std::string> partial = parse_partial(read_file(arguments[2]));
  Document document;
  if (operations.empty()) document.complain("no operations");
  for (const Operation& operation : operations) document.add(operation, partial);
  for (const Operation& operation : operations) partial.erase(operation.name);
  for (const auto& [name, note] : partial) document.complain(name + " is no operation");
  const std::string text = write_document(operations, document);
  if (count == 3) {
    std::cout << text;
  } else if (read_file(arguments[3]) != text) {
    document.complain(std::string(arguments[3]) +
                      " differs from the routes: run `s3_compatibility tools/s3_operations.txt "
                      "tools/s3_partial.txt > docs/s3-compatibility.md`");
  }
  return document.is_sound ? 0 : 1;
}
