cairn_fuzz(sealed_chunk_fuzz SOURCES sealed_chunk_fuzz.cc DEPS crypto base LIBS PkgConfig::XXHASH)
