cairn_fuzz(sealed_chunk_fuzz SOURCES sealed_chunk_fuzz.cc DEPS crypto base LIBS PkgConfig::XXHASH)
cairn_fuzz(tls_record_fuzz SOURCES tls_record_fuzz.cc DEPS crypto base)
