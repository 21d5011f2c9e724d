cairn_fuzz(transfer_xml_fuzz SOURCES transfer_xml_fuzz.cc DEPS transfer)
cairn_fuzz(transfer_journal_fuzz SOURCES transfer_journal_fuzz.cc DEPS transfer)
cairn_fuzz(container_fuzz SOURCES container_fuzz.cc DEPS transfer base)
