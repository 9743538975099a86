// SideFile through an environment of RocksDB, so that in tests it loses power with the store.
#include <fmt/format.h>
#include <rocksdb/env.h>

#include <utility>

#include "wal/base/crash_point.h"
#include "wal/store/rocks_options.h"
#include "wal/store/store.h"

namespace relay {
namespace {

class RocksSideFile final : public SideFile {
 public:
  explicit RocksSideFile(std::unique_ptr<rocksdb::RandomRWFile> file) : file_(std::move(file)) {}

  Status WriteSynced(std::uint64_t at, std::string_view data) override {
    RETURN_IF_ERROR(ToStatus(file_->Write(at, ToSlice(data))));
    PassCrashPoint(CrashPoint::kHighWaterWritten);
    Status synced = ToStatus(file_->Sync());
    PassCrashPoint(CrashPoint::kHighWaterSynced);
    return synced;
  }

 private:
  std::unique_ptr<rocksdb::RandomRWFile> file_;
};

}  // namespace

Result<std::unique_ptr<SideFile>> OpenSideFile(const std::string& path, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  rocksdb::Status made = env->FileExists(path);
  if (made.IsNotFound()) {
    std::unique_ptr<rocksdb::WritableFile> empty;
    made = env->NewWritableFile(path, &empty, {});
  }
  std::unique_ptr<rocksdb::RandomRWFile> file;
  if (made.ok()) made = env->NewRandomRWFile(path, &file, {});
  if (!made.ok()) return Error(CodeOf(made), fmt::format("opening {}: {}", path, made.ToString()));
  return std::unique_ptr<SideFile>(std::make_unique<RocksSideFile>(std::move(file)));
}

}  // namespace relay
