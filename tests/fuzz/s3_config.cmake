cairn_fuzz(s3_config_fuzz SOURCES s3_config_fuzz.cc DEPS s3)
