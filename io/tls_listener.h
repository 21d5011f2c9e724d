// A listener that hands out connections once their TLS handshake is done. Handshakes run side by
// side, so a client that is slow or silent in its own holds up nobody else; where there are too
// many of them, the one that has taken longest gives way to the next client.
// Thread rule: one reactor, like the listener below.
#pragma once

#include <memory>

#include "io/stream.h"
#include "io/tls.h"

namespace cairn::io {

// Bounds: handshakes under way at a time, and the time for each. With a thousand silent clients a
// second there is still a second for a handshake, which takes two or three round trips.
inline constexpr size_t kTlsHandshakesMax = 1024;
inline constexpr Duration kTlsHandshakeTimeout = seconds(10);

std::unique_ptr<Listener> make_tls_listener(std::unique_ptr<Listener> below,
                                            std::shared_ptr<const TlsContext> context);

}  // namespace cairn::io
