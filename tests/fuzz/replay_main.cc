// Runs a fuzz target over the files of the given paths: as they are, cut at every one of their
// first bytes, and with single bytes changed. Fails when a path holds no file, so that a lost
// corpus shows.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size_bytes);

namespace {

constexpr size_t kCutsMax = 512;
constexpr size_t kChangesMax = 512;

// A heap copy of the exact size: ASan sees every read beyond the end.
void run_once(const std::vector<uint8_t>& input, size_t size_bytes) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[size_bytes]);
  std::copy_n(input.begin(), size_bytes, copy.get());
  LLVMFuzzerTestOneInput(copy.get(), size_bytes);
}

void run_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> input{std::istreambuf_iterator<char>(file), {}};
  run_once(input, input.size());
  for (size_t cut = 0; cut < std::min(input.size(), kCutsMax); ++cut) run_once(input, cut);
  for (size_t i = 0; i < std::min(input.size(), kChangesMax); ++i) {
    for (const int changed : {0x00, 0x0a, 0x0d, 0x20, 0x3a, 0xff}) {
      const uint8_t kept = std::exchange(input[i], static_cast<uint8_t>(changed));
      run_once(input, input.size());
      input[i] = kept;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  size_t files_count = 0;
  for (int i = 1; i < argc; ++i) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (std::filesystem::is_regular_file(argv[i])) {
      files.emplace_back(argv[i]);
    }
    std::ranges::sort(files);
    for (const auto& file : files) run_file(file);
    files_count += files.size();
  }
  std::printf("replayed %zu files\n", files_count);
  return files_count == 0 ? 1 : 0;
}
