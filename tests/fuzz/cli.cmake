cairn_fuzz(cli_ini_fuzz SOURCES cli_ini_fuzz.cc DEPS cli base)
cairn_fuzz(cli_manifest_fuzz SOURCES cli_manifest_fuzz.cc DEPS cli base)
cairn_fuzz(cli_arguments_fuzz SOURCES cli_arguments_fuzz.cc DEPS cli base)
