cairn_fuzz(native_message_fuzz SOURCES native_message_fuzz.cc DEPS native)
