// The dashboard's files, which are part of the program: it needs no internet
// and no folder.
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

// Made from relay/dashboard/ when the program is built.
const std::vector<DashboardFile>& DashboardFiles();

// The file at a path: "/" is the page, "/dashboard/app.js" one of its parts.
const DashboardFile* FindDashboardFile(std::string_view path);

// With a policy that lets the page load from here alone and run no inline code.
HttpResponse DashboardAnswer(const DashboardFile& file);

}  // namespace relay
