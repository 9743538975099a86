// The content of deploy/: its configurations are right, its YAML is valid, its
// manifests and units agree with the program.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/support/process/places.h"
#include "tests/support/process/process.h"
#include "tests/support/temp_dir.h"

namespace relay::test::integration_shipped_deploy_test {
namespace {

const std::string kDeploy = SourceRoot() + "/deploy/";

void CheckConfiguration(const std::string& path) {
  const RunResult run = Run({RelayBinary(), "check-config", "--file-only", path});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("deploy: the configurations of the package and of the containers are right") {
  CheckConfiguration(kDeploy + "debian/relay.yaml");
  CheckConfiguration(kDeploy + "containers/relay.yaml");
  CheckConfiguration(kDeploy + "containers/relay-shared-log.yaml");
  // The cluster's configuration is text within the manifest; in a comment, that of a shared log.
  const TempDir directory;
  const std::string program =
      "import re, sys, yaml\n"
      "for document in yaml.safe_load_all(open(sys.argv[1])):\n"
      "    if document['kind'] == 'ConfigMap': text = document['data']['relay.yaml']\n"
      "shared = re.sub('^log:.*\\n', '', text, flags=re.M)\n"
      "shared = re.sub('^#(?! )', '', re.sub('^#  ', '  ', shared, flags=re.M), flags=re.M)\n"
      "assert yaml.safe_load(shared)['log']['engine'] == 'jetstream'\n"
      "open(sys.argv[2], 'w').write(text)\n"
      "open(sys.argv[3], 'w').write(shared)\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy + "kubernetes/influxdb-relay.yaml",
                             directory.File("relay.yaml"), directory.File("shared.yaml")});
  CHECK_EQ(run.output, "");
  REQUIRE_EQ(run.exit_code, 0);
  CheckConfiguration(directory.File("relay.yaml"));
  CheckConfiguration(directory.File("shared.yaml"));
}

TEST_CASE("deploy: its YAML is sound") {
  const RunResult run = Run({"yamllint", "-s", "-c", kDeploy + "containers/yamllint.yaml",
                             kDeploy + "containers", kDeploy + "kubernetes", kDeploy + "debian"});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

// Checks references by name, which no linter follows.
TEST_CASE("deploy: the cluster's services, claims and probes name things that exist") {
  const std::string program =
      "import sys, yaml\n"
      "documents = {}\n"
      "for d in yaml.safe_load_all(open(sys.argv[1])):\n"
      "    documents.setdefault(d['kind'], {})[d['metadata']['name']] = d\n"
      "spec = documents['StatefulSet']['influxdb-relay']['spec']\n"
      "labels = spec['template']['metadata']['labels']\n"
      "pod = spec['template']['spec']\n"
      "container = pod['containers'][0]\n"
      "ports = {p['name'] for p in container['ports']}\n"
      "assert spec['serviceName'] in documents['Service']\n"
      "assert spec['selector']['matchLabels'] == labels\n"
      "for budget in documents['PodDisruptionBudget'].values():\n"
      "    assert budget['spec']['selector']['matchLabels'] == labels\n"
      "for service in documents['Service'].values():\n"
      "    assert service['spec']['selector'] == labels\n"
      "    for port in service['spec']['ports']: assert port['targetPort'] in ports\n"
      "for probe in ('startupProbe', 'livenessProbe', 'readinessProbe'):\n"
      "    assert container[probe]['httpGet']['port'] in ports\n"
      "volumes = {v['name'] for v in pod['volumes']}\n"
      "volumes |= {c['metadata']['name'] for c in spec['volumeClaimTemplates']}\n"
      "for mount in container['volumeMounts']: assert mount['name'] in volumes\n"
      "for v in pod['volumes']: assert v['configMap']['name'] in documents['ConfigMap']\n"
      "assert pod['securityContext']['runAsNonRoot']\n"
      "assert container['securityContext']['readOnlyRootFilesystem']\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy + "kubernetes/influxdb-relay.yaml"});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("deploy: the composed services mount and name things that exist") {
  const std::string program =
      "import os, sys, yaml\n"
      "folder = sys.argv[1]\n"
      "compose = yaml.safe_load(open(folder + 'compose.yaml'))\n"
      "services = compose['services']\n"
      "for name, service in services.items():\n"
      "    for other in service.get('depends_on', []): assert other in services, other\n"
      "    for volume in service.get('volumes', []):\n"
      "        source = volume.split(':')[0]\n"
      "        if source.startswith('.'): assert os.path.exists(folder + source), source\n"
      "        else: assert source in compose['volumes'], source\n"
      "for name in ('relay-1', 'relay-2'):\n"
      "    assert services[name]['read_only'] and services[name]['cap_drop'] == ['ALL']\n"
      "scrapes = yaml.safe_load(open(folder + 'prometheus.yaml'))['scrape_configs']\n"
      "for scrape in scrapes:\n"
      "    for config in scrape['static_configs']:\n"
      "        for target in config['targets']: assert target.split(':')[0] in services, target\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy + "containers/"});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

// Both files are read as `docker compose -f compose.yaml -f compose.shared-log.yaml` reads them.
TEST_CASE("deploy: the composed NATS servers have each variable, volume and file that they use") {
  const std::string program =
      "import os, re, sys, yaml\n"
      "folder = sys.argv[1] + 'containers/'\n"
      "names = re.findall('[$](NATS_[A-Z_]+)', open(sys.argv[1] + "
      "'nats/nats-server.conf').read())\n"
      "usual = yaml.safe_load(open(folder + 'compose.yaml'))\n"
      "added = yaml.safe_load(open(folder + 'compose.shared-log.yaml'))\n"
      "services = set(usual['services']) | set(added['services'])\n"
      "volumes = set(usual['volumes']) | set(added['volumes'])\n"
      "servers = {n: s for n, s in added['services'].items() if n.startswith('nats-')}\n"
      "assert len(servers) == 3\n"
      "for name, server in servers.items():\n"
      "    assert set(server['environment']) == set(names), name\n"
      "    assert server['environment']['NATS_NAME'] == name\n"
      "    assert name + ':6222' in server['environment']['NATS_ROUTES']\n"
      "relay = yaml.safe_load(open(folder + 'relay-shared-log.yaml'))\n"
      "urls = relay['log']['jetstream']['servers']\n"
      "assert urls == ['nats://' + name + ':4222' for name in servers]\n"
      "for name, service in added['services'].items():\n"
      "    for other in service.get('depends_on', []): assert other in services, other\n"
      "    if name.startswith('relay-'): assert service['hostname'] == name\n"
      "    if name.startswith('relay-'): assert 'NATS_PASSWORD' in service['environment']\n"
      "    for volume in service['volumes']:\n"
      "        source = volume.split(':')[0]\n"
      "        if source.startswith('.'): assert os.path.exists(folder + source), source\n"
      "        else: assert source in volumes, source\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("deploy: the cluster's NATS servers are those of the relays, configured as shipped") {
  const std::string program =
      "import re, sys, yaml\n"
      "documents = {}\n"
      "for d in yaml.safe_load_all(open(sys.argv[1] + 'kubernetes/nats.yaml')):\n"
      "    documents.setdefault(d['kind'], {})[d['metadata']['name']] = d\n"
      "shipped = open(sys.argv[1] + 'nats/nats-server.conf').read()\n"
      "shipped = [l for l in shipped.split('\\n') if l and not l.startswith('#')]\n"
      "config = documents['ConfigMap']['nats']['data']['nats-server.conf']\n"
      "assert config.strip().split('\\n') == shipped\n"
      "spec = documents['StatefulSet']['nats']['spec']\n"
      "labels = spec['template']['metadata']['labels']\n"
      "pod = spec['template']['spec']\n"
      "container = pod['containers'][0]\n"
      "ports = {p['name'] for p in container['ports']}\n"
      "service = documents['Service'][spec['serviceName']]['spec']\n"
      "assert spec['selector']['matchLabels'] == labels == service['selector']\n"
      "assert documents['PodDisruptionBudget']['nats']['spec']['selector']['matchLabels'] == "
      "labels\n"
      "for port in service['ports']: assert port['targetPort'] in ports\n"
      "for probe in ('startupProbe', 'livenessProbe', 'readinessProbe'):\n"
      "    assert container[probe]['httpGet']['port'] in ports\n"
      "set_here = {e['name'] for e in container['env']}\n"
      "assert set(re.findall('[$](NATS_[A-Z_]+)', config)) <= set_here\n"
      "volumes = {v['name'] for v in pod['volumes']}\n"
      "volumes |= {c['metadata']['name'] for c in spec['volumeClaimTemplates']}\n"
      "for mount in container['volumeMounts']: assert mount['name'] in volumes\n"
      "routes = [e['value'] for e in container['env'] if e['name'] == 'NATS_ROUTES'][0]\n"
      "relays = open(sys.argv[1] + 'kubernetes/influxdb-relay.yaml').read()\n"
      "for i in range(spec['replicas']):\n"
      "    assert 'nats-route://nats-%d.nats:6222' % i in routes\n"
      "    assert 'nats://nats-%d.nats:4222' % i in relays\n"
      "secret = [e for e in container['env'] if e['name'] == 'RELAY_PASSWORD'][0]\n"
      "secret = secret['valueFrom']['secretKeyRef']['name']\n"
      "assert 'secretRef: { name: %s,' % secret in relays\n"
      "assert pod['securityContext']['runAsNonRoot']\n"
      "assert container['securityContext']['readOnlyRootFilesystem']\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy});
  CHECK_EQ(run.output, "");
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("deploy: the image is built in one stage, runs in another, and without privileges") {
  const std::string file = ReadFile(kDeploy + "containers/Dockerfile");
  const std::size_t last_stage = file.rfind("\nFROM ");
  CHECK_NE(file.find("FROM ", 0), last_stage + 1);
  CHECK_NE(file.find("\nCOPY --from=build ", last_stage), std::string::npos);
  CHECK_NE(file.find("\nUSER 9096:9096\n", last_stage), std::string::npos);
  CHECK_EQ(file.find("\nUSER root", last_stage), std::string::npos);
}

TEST_CASE("deploy: the shell finds no mistake in what the package runs") {
  const RunResult scripts = Run({"shellcheck", kDeploy + "debian/postinst",
                                 kDeploy + "debian/prerm", kDeploy + "debian/postrm"});
  CHECK_EQ(scripts.output, "");
  CHECK_EQ(scripts.exit_code, 0);
}

}  // namespace
}  // namespace relay::test::integration_shipped_deploy_test
