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
  const RunResult run = Run({RelayBinary(), "check-config", path});
  INFO(run.output);
  CHECK_EQ(run.exit_code, 0);
}

TEST_CASE("deploy: the configurations of the package and of the containers are right") {
  CheckConfiguration(kDeploy + "debian/relay.yaml");
  CheckConfiguration(kDeploy + "containers/relay.yaml");
  // The cluster's configuration is text within the manifest.
  const TempDir directory;
  const std::string program =
      "import sys, yaml\n"
      "for document in yaml.safe_load_all(open(sys.argv[1])):\n"
      "    if document['kind'] == 'ConfigMap': print(document['data']['relay.yaml'])\n";
  const RunResult run = Run({"python3", "-c", program, kDeploy + "kubernetes/influxdb-relay.yaml"});
  REQUIRE_EQ(run.exit_code, 0);
  WriteFile(directory.File("relay.yaml"), run.output);
  CheckConfiguration(directory.File("relay.yaml"));
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
