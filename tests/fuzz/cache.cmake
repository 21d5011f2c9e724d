cairn_fuzz(cache_file_fuzz SOURCES cache_file_fuzz.cc DEPS cache storage crypto io base)
