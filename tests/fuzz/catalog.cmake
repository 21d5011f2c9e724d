cairn_fuzz(etcd_url_fuzz SOURCES etcd_url_fuzz.cc DEPS catalog_etcd base)
cairn_fuzz(member_record_fuzz SOURCES member_record_fuzz.cc DEPS catalog_etcd cluster base)
cairn_fuzz(rpc_session_fuzz SOURCES rpc_session_fuzz.cc DEPS catalog_etcd base)
