cairn_fuzz(gateway_reply_fuzz SOURCES gateway_reply_fuzz.cc DEPS gateway s3 base)
