cairn_fuzz(background_fuzz SOURCES background_fuzz.cc DEPS server object crypto base)
