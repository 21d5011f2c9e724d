cairn_fuzz(etcd_url_fuzz SOURCES etcd_url_fuzz.cc DEPS catalog_etcd base)
