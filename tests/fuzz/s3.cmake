cairn_fuzz(s3_auth_fuzz SOURCES s3_auth_fuzz.cc DEPS s3)
cairn_fuzz(s3_chunked_fuzz SOURCES s3_chunked_fuzz.cc DEPS s3)
cairn_fuzz(s3_headers_fuzz SOURCES s3_headers_fuzz.cc DEPS s3)
cairn_fuzz(s3_xml_fuzz SOURCES s3_xml_fuzz.cc DEPS s3 LIBS pugixml::pugixml)
