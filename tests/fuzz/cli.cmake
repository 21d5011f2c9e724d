cairn_fuzz(cli_ini_fuzz SOURCES cli_ini_fuzz.cc DEPS cli base)
