// The dashboard's files, compiled into the program: it needs neither internet nor
// files on disk.
//
// THREADS. Constant data and pure functions.
#pragma once

#include <string_view>
#include <vector>

#include "relay/http/server.h"

namespace relay {

struct DashboardFile {
  std::string_view name;  // "app.js"
  std::string_view content;
};

// Returns the files of relay/admin/dashboard/, embedded by the build.
const std::vector<DashboardFile>& DashboardFiles();

// Returns the file at a path: "/" is the page, "/dashboard/app.js" one of its
// parts. nullptr: none.
const DashboardFile* FindDashboardFile(std::string_view path);

// Returns the file with a policy that allows the page to load only from here and to
// run no inline code.
HttpResponse DashboardAnswer(const DashboardFile& file);

}  // namespace relay
