cairn_fuzz(http_head_fuzz SOURCES http_head_fuzz.cc DEPS http base)
cairn_fuzz(http_chunked_fuzz SOURCES http_chunked_fuzz.cc DEPS http base)
