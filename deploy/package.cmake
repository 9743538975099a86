# Installation (`cmake --install`) and the Debian package (`cpack`).
include(GNUInstallDirs)

# The program itself generates manual pages, completions and the reference.
set(docs ${CMAKE_BINARY_DIR}/docs)
set(described)
function(describe form file)
  add_custom_command(OUTPUT ${docs}/${file}
    COMMAND influxdb-relay describe ${form} > ${docs}/${file}
    DEPENDS influxdb-relay VERBATIM)
  set(described ${described} ${docs}/${file} PARENT_SCOPE)
endfunction()
file(MAKE_DIRECTORY ${docs})
describe(man influxdb-relay.1)
describe(settings influxdb-relay.yaml.5)
describe(bash influxdb-relay.bash)
describe(zsh _influxdb-relay)
describe(markdown REFERENCE.md)
add_custom_command(OUTPUT ${docs}/example.yaml
  COMMAND influxdb-relay check-config --example > ${docs}/example.yaml
  DEPENDS influxdb-relay VERBATIM)
add_custom_target(docs ALL DEPENDS ${described} ${docs}/example.yaml)

install(TARGETS influxdb-relay RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${docs}/influxdb-relay.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${docs}/influxdb-relay.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${docs}/influxdb-relay.bash RENAME influxdb-relay
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${docs}/_influxdb-relay DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES README.md CHANGELOG.md wal/FORMAT.md ${docs}/REFERENCE.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE RENAME copyright DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${docs}/example.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
file(READ deploy/systemd/influxdb-relay.service unit)
string(REPLACE "/usr/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" unit "${unit}")
string(REPLACE "/etc/" "${CMAKE_INSTALL_FULL_SYSCONFDIR}/" unit "${unit}")
file(CONFIGURE OUTPUT ${docs}/influxdb-relay.service CONTENT "${unit}" @ONLY)
install(FILES ${docs}/influxdb-relay.service deploy/systemd/influxdb-relay.socket
        DESTINATION lib/systemd/system)
install(FILES deploy/systemd/influxdb-relay.sysusers RENAME influxdb-relay.conf
        DESTINATION lib/sysusers.d)
install(FILES deploy/debian/relay.yaml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/influxdb-relay
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)

set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)  # /etc is not below the prefix.
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_CONTACT "InfluxDB Relay <root@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "durable store-and-forward relay for InfluxDB writes")
string(CONCAT CPACK_DEBIAN_PACKAGE_DESCRIPTION
       "Clients write line protocol to the relay. It makes each write durable on its own\n"
       "disk, acknowledges it, and delivers it to each backend independently. A backend\n"
       "that was down catches up by itself, in order, with nothing lost.")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "influxdb, influxdb-client")
# It is loaded by those relays alone that share a log: nothing is linked to it.
find_path(nats_headers nats/version.h)
if(nats_headers)
  file(READ ${nats_headers}/nats/version.h version)
  string(REGEX MATCH "NATS_VERSION_MAJOR +([0-9]+)" _ "${version}")
  set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "libnats${CMAKE_MATCH_1}")
  string(REGEX MATCH "NATS_VERSION_MINOR +([0-9]+)" _ "${version}")
  string(APPEND CPACK_DEBIAN_PACKAGE_RECOMMENDS ".${CMAKE_MATCH_1}")
endif()
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles ${CMAKE_SOURCE_DIR}/deploy/debian/postinst
    ${CMAKE_SOURCE_DIR}/deploy/debian/prerm ${CMAKE_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
