cairn_fuzz(peer_wire_fuzz SOURCES peer_wire_fuzz.cc DEPS peer base)
