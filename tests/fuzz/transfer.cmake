cairn_fuzz(transfer_xml_fuzz SOURCES transfer_xml_fuzz.cc DEPS transfer)
