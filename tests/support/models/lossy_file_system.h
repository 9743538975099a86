#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace relay::test {

// A disk that can lose power and can fail. LosePower() cuts every file back to
// what was synced, so a write that was answered before its sync is gone.
// FailSyncs(true) makes every sync an EIO. (Idea: leveldb's
// FaultInjectionTestEnv, at RocksDB's FileSystem.)
class LossyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  LossyFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "LossyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> real;
    rocksdb::IOStatus status = target()->NewWritableFile(path, options, &real, debug);
    if (!status.ok()) return status;
    {
      // Registers it while the power is going too: its content then never reaches the disk.
      const std::lock_guard lock(mutex_);
      synced_[path] = 0;
    }
    *result = std::make_unique<File>(std::move(real), path, *this);
    return status;
  }

  // A file written in place: writes made while the power goes are lost.
  rocksdb::IOStatus NewRandomRWFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSRandomRWFile> real;
    rocksdb::IOStatus status = target()->NewRandomRWFile(path, options, &real, debug);
    if (!status.ok()) return status;
    *result = std::make_unique<FileInPlace>(std::move(real), *this);
    // Its writes are synced one by one, and count when they are done.
    const std::lock_guard lock(mutex_);
    synced_.erase(path);
    return status;
  }

  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (Frozen()) return rocksdb::IOStatus::OK();
    rocksdb::IOStatus status = target()->RenameFile(from, to, options, debug);
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    if (auto node = synced_.extract(from); !node.empty()) {
      node.key() = to;
      synced_.erase(to);
      synced_.insert(std::move(node));
    }
    return status;
  }

  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override {
    if (Frozen()) return rocksdb::IOStatus::OK();
    return target()->DeleteFile(path, options, debug);
  }

  // Starts the power loss: from here on nothing more counts as synced, and no
  // file is deleted or renamed. Call it before closing what is open, then
  // LosePower.
  void Freeze() {
    const std::lock_guard lock(mutex_);
    frozen_ = true;
  }

  void LosePower() {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, size] : synced_) {
      std::error_code gone;
      if (std::filesystem::file_size(path, gone) > size && !gone) {
        std::filesystem::resize_file(path, size);
      }
    }
    frozen_ = false;
  }

  // Makes syncs of the WAL succeed without syncing anything: a planted bug, not
  // a fault that a log could survive.
  void LieAboutSyncs(bool lying) { lying_ = lying; }

  void FailSyncs(bool failing) { failing_ = failing; }

  // Makes a sync of the WAL block until it is released: a disk that hangs.
  void HoldSyncs(bool held) {
    {
      const std::lock_guard lock(mutex_);
      held_ = held;
    }
    let_go_.notify_all();
  }
  int failed_syncs() const { return failed_syncs_; }
  int writes_after_a_failed_sync() const { return writes_after_failure_; }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> real, std::string path, LossyFileSystem& disk)
        : FSWritableFileOwnerWrapper(std::move(real)), path_(std::move(path)), disk_(disk) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (failed_) ++disk_.writes_after_failure_;
      return target()->Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo& verification,
                             rocksdb::IODebugContext* debug) override {
      if (failed_) ++disk_.writes_after_failure_;
      return target()->Append(data, options, verification, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      if (path_.ends_with(".log")) disk_.WaitUntilLetGo();
      if (Fails()) return rocksdb::IOStatus::IOError("sync failed by the test");
      return Remember(target()->Sync(options, debug), options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      if (Fails()) return rocksdb::IOStatus::IOError("sync failed by the test");
      return Remember(target()->Fsync(options, debug), options, debug);
    }

   private:
    bool Fails() {
      if (!disk_.failing_) return false;
      failed_ = true;
      ++disk_.failed_syncs_;
      return true;
    }

    rocksdb::IOStatus Remember(rocksdb::IOStatus status, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) {
      if (disk_.lying_ && path_.ends_with(".log")) return status;
      if (status.ok()) disk_.SetSynced(path_, target()->GetFileSize(options, debug));
      return status;
    }

    std::string path_;
    LossyFileSystem& disk_;
    bool failed_ = false;
  };

  class FileInPlace final : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    FileInPlace(std::unique_ptr<rocksdb::FSRandomRWFile> real, LossyFileSystem& disk)
        : FSRandomRWFileOwnerWrapper(std::move(real)), disk_(disk) {}

    rocksdb::IOStatus Write(std::uint64_t offset, const rocksdb::Slice& data,
                            const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      if (disk_.Frozen()) return rocksdb::IOStatus::OK();
      return FSRandomRWFileOwnerWrapper::Write(offset, data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      if (disk_.failing_) return rocksdb::IOStatus::IOError("sync failed by the test");
      return FSRandomRWFileOwnerWrapper::Sync(options, debug);
    }

   private:
    LossyFileSystem& disk_;
  };

  bool Frozen() {
    const std::lock_guard lock(mutex_);
    return frozen_;
  }

  void WaitUntilLetGo() {
    std::unique_lock lock(mutex_);
    let_go_.wait(lock, [this] { return !held_; });
  }

  void SetSynced(const std::string& path, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    if (!frozen_) synced_[path] = size;
  }

  std::mutex mutex_;
  std::condition_variable let_go_;
  bool held_ = false;
  bool frozen_ = false;
  std::map<std::string, std::uint64_t> synced_;
  std::atomic<bool> lying_ = false;
  std::atomic<bool> failing_ = false;
  std::atomic<int> failed_syncs_ = 0;
  std::atomic<int> writes_after_failure_ = 0;
};

}  // namespace relay::test
