cairn_fuzz(peer_wire_fuzz SOURCES peer_wire_fuzz.cc DEPS peer base)
cairn_fuzz(peer_control_fuzz SOURCES peer_control_fuzz.cc DEPS peer base)
