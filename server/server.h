// `cairn serve`: opens the data directory, serves S3 and the admin listener, drains on SIGTERM.
#pragma once

#include "base/result.h"
#include "server/config.h"

namespace cairn::server {

// Serves until SIGTERM or SIGINT and returns when everything is flushed and closed. A second signal
// cuts running requests. Prints `ready http://ADDR:PORT` on standard output once it serves.
// Uses the calling thread as the first core. Call once per process, before other threads exist.
Status serve(Config config);

}  // namespace cairn::server
