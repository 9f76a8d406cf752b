{# dbt looks for what packages dispatch here first. In a project without any macro each of
   these lookups raises an exception, which takes a twentieth of a run on few rows. #}
{% macro of_the_user() %}{% endmacro %}
