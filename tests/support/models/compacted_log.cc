#include "tests/support/models/compacted_log.h"

#include <rocksdb/db.h>
#include <rocksdb/utilities/options_util.h>

#include <algorithm>
#include <memory>

#include "wal/base/invariant.h"

namespace relay::test {

std::vector<std::string> CompactToOneLevel(const std::string& directory) {
  const std::string database = directory + "/db";
  rocksdb::DBOptions options;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  INVARIANT(
      rocksdb::LoadLatestOptions(rocksdb::ConfigOptions(), database, &options, &families).ok());
  INVARIANT(rocksdb::DB::Open(options, database, families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  const auto payloads = std::find_if(handles.begin(), handles.end(), [](const auto* handle) {
    return handle->GetName() == "payloads";
  });
  INVARIANT(payloads != handles.end());
  rocksdb::CompactRangeOptions how;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  INVARIANT(db->CompactRange(how, *payloads, nullptr, nullptr).ok());

  std::vector<rocksdb::LiveFileMetaData> files;
  db->GetLiveFilesMetaData(&files);
  std::erase_if(files, [](const auto& file) { return file.column_family_name != "payloads"; });
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.smallestkey < b.smallestkey; });
  std::vector<std::string> paths;
  for (const rocksdb::LiveFileMetaData& file : files) {
    INVARIANT(file.level == files.front().level);
    paths.push_back(database + file.name);
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    INVARIANT(db->DestroyColumnFamilyHandle(handle).ok());
  }
  INVARIANT(db->Close().ok());
  return paths;
}

}  // namespace relay::test
